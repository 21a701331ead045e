"""A till that several desks pay into at once."""

import threading


class Till:
    def __init__(self):
        self.lock = threading.Lock()
        self.total = 0
        self.receipts = []
        self.customers = 0

    def pay(self, desk, amount):
        """One payment at a desk; the receipt is signed by it."""
        with self.lock:
            self.customers += 1
        receipt = self.receipt(desk, amount)
        self.total += amount
        with self.lock:
            self.receipts.append(receipt)

    def receipt(self, desk, amount):
        vat = round(amount * 19 / 119, 2)
        return f"{desk}: {amount} (VAT {vat})"

    def report(self):
        return f"{self.customers} customers paid {self.total}, {len(self.receipts)} receipts"
