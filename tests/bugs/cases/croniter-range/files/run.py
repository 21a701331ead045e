from datetime import datetime

import pytz
from croniter import croniter_range

zone = pytz.timezone("Asia/Hebron")
first, last = zone.localize(datetime(2022, 3, 25, 12)), zone.localize(datetime(2022, 3, 30, 12))
for when in croniter_range(first, last, "0 0 * * *"):
    print(when.isoformat())
