"""Simulated time."""


class Clock:
    def __init__(self, tick):
        self.tick = tick
        self.now = 0.0
        self.ticks = 0

    def advance(self):
        self.ticks += 1
        self.now = self.now + self.tick

    def lag(self):
        """How far the clock is behind what its ticks amount to, in milliseconds."""
        due = self.ticks * self.tick
        return (due - self.now) * 1000.0
