"""What a parcel costs: a price for each kilogram begun, and one for handling."""

import math

HANDLING = 1.5
PER_KILOGRAM = 0.9


def kilograms(weight, unit):
    if unit == "kg":
        return weight
    return weight / 1000  # grams


def price(kilograms):
    return HANDLING + PER_KILOGRAM * math.ceil(kilograms)


def freight(month):
    total = 0.0
    for parcel in month.parcels:
        total += price(kilograms(parcel, month.unit))
    return total
