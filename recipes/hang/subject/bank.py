"""Accounts, and money moved between them by several tellers."""

import threading

AUDIT = threading.Lock()
STATISTICS = threading.Lock()


class Account:
    def __init__(self, name, balance):
        self.name = name
        self.balance = balance
        self.lock = threading.Lock()
        self.history = []

    def book(self, amount, remark):
        self.balance += amount
        with AUDIT:
            self.history.append((amount, remark))


def transfer(source, target, amount, arrived):
    with source.lock:
        arrived.wait()
        with target.lock:
            source.book(-amount, f"to {target.name}")
            target.book(amount, f"from {source.name}")


def deposit(account, amount, counts):
    with account.lock:
        account.book(amount, "deposit")
    with STATISTICS:
        counts["deposits"] = counts.get("deposits", 0) + 1
