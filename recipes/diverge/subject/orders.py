"""Reads a month of parcels: a line of fields, then one weight a line."""


class Month:
    def __init__(self, name, initials, unit, parcels):
        self.name = name
        self.initials = initials
        self.unit = unit
        self.parcels = parcels


def initials_of(fields):
    words = fields["clerk"].split()
    return "".join(word[0] for word in words)


def unit_of(fields):
    return fields.get("unit", "kg")


def read_month(path):
    with open(path, encoding="utf-8") as file:
        head, *rows = file.read().splitlines()
    fields = dict(part.split("=") for part in head.split("; "))
    initials = initials_of(fields)
    unit = unit_of(fields)
    parcels = [float(row) for row in rows]
    return Month(fields["name"], initials, unit, parcels)
