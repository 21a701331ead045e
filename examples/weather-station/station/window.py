"""The mean over the last readings, at constant cost."""

from collections import deque


class SlidingMean:
    """Mean of the last `size` values; push costs the same for any size."""

    def __init__(self, size):
        self.size = size
        self.values = deque()
        self.total = 0.0

    def push(self, value):
        self.values.append(value)
        self.total += value
        if len(self.values) > self.size:
            self.total -= self.values.popleft()

    def mean(self):
        if not self.values:
            return 0.0
        return self.total / len(self.values)
