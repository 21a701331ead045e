"""A plain-text table."""


class Table:
    def __init__(self, rows):
        self.rows = rows

    def width(self):
        widest = 0
        for name, _, _ in self.rows:
            widest = max(widest, len(name))
        return widest

    def line(self, row):
        name, amount, currency = row
        return f"{name:<{self.width()}} {amount:>8} {symbol(currency)}{flag(currency)}"

    def lines(self):
        return [self.line(row) for row in self.rows]


def symbol(currency):
    known = {"EUR": "€", "GBP": "£"}
    return known.get(currency, currency)


def flag(currency):
    if currency == "EUR":
        return ""
    return " *"
