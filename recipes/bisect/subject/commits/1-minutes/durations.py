"""Reads durations such as 1h30m."""

import re

MINUTES = {"h": 60, "m": 1}


def parts_of(text):
    parts = re.findall(r"(\d+)([a-z])", text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"no duration: {text}")
    return parts


def minutes(text):
    total = 0
    for number, unit in parts_of(text):
        total += int(number) * MINUTES[unit]
    return total


def longest(texts):
    return max(texts, key=minutes)
