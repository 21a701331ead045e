import calendar
from datetime import datetime

from dateutil import parser


class Strict(parser.parserinfo):
    """Months of the archive are numbers from 1 to 12."""

    def validate(self, res):
        if res.month is not None and not 1 <= res.month <= 12:
            raise calendar.IllegalMonthError(res.month)
        return super().validate(res)


class Reader(parser.parser):
    def _build_naive(self, res, default):
        calendar.monthrange(2000, res.year % 100)
        return super()._build_naive(res, default)


def read(text):
    try:
        return Reader().parse(text, default=datetime(2000, 1, 1))
    except parser.ParserError as error:
        return f"refused: {error}"


for text in ("2001-02-03", "2012-12-12", "2013-02-03"):
    print(text, read(text))
