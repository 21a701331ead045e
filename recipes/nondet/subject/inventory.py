"""Reads an inventory and groups it."""

import time


class Inventory:
    def __init__(self, rows):
        self.started = time.perf_counter()
        self.rows = rows
        self.codes = {code for code, _, _ in rows}

    def tags(self):
        """All tags, each once."""
        found = set()
        for _, tags, _ in self.rows:
            found.update(tags)
        return list(found)

    def total(self):
        return sum(count for _, _, count in self.rows)

    def missing(self, wanted):
        return sorted(set(wanted) - self.codes)

    def age(self):
        return time.perf_counter() - self.started
