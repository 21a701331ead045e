"""How likely it is that a door is open, from many uncertain readings."""


def likelihoods(reading):
    """How likely this reading is with an open and with a closed door."""
    distance = abs(reading - 1.0)
    return max(0.02, 1.0 - distance), max(0.02, distance)


def odds_after(readings):
    odds = 1.0
    for reading in readings:
        opened, closed = likelihoods(reading)
        odds *= opened / closed
    return odds


def probability(odds):
    return odds / (1.0 + odds)


def smoothed(readings, share=0.8):
    level = readings[0]
    result = []
    for reading in readings:
        level = share * level + (1.0 - share) * reading
        result.append(level)
    return result


def longest_gap(times):
    best = float("-inf")
    for before, after in zip(times, times[1:]):
        best = max(best, after - before)
    return best
