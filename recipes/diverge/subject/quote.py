"""Prints what the orders of a month cost to send: `python quote.py april.txt`."""

import sys

from orders import read_month
from rates import freight

month = read_month(sys.argv[1])
print("month", month.name, "by", month.initials)
print("parcels", len(month.parcels))
print(f"freight {freight(month):.2f}")
