"""Reads durations such as 1h30m."""

import re

MINUTES = {"d": 1440, "h": 60, "m": 1}


def parts_of(text):
    parts = re.findall(r"(\d)([a-z])", text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"no duration: {text}")
    return parts


def minutes(text):
    return sum(int(number) * MINUTES[unit] for number, unit in parts_of(text))


def longest(texts):
    """The first of those that take longest."""
    return max(texts, key=minutes)
