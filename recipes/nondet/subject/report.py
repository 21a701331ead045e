"""Prints the same inventory; the order of the tags is another each time."""

from inventory import Inventory

ROWS = [
    ("lamp", ["brass", "desk", "sale"], 4),
    ("chair", ["oak", "desk"], 11),
    ("mirror", ["hall", "brass", "oval"], 2),
    ("shelf", ["oak", "hall"], 7),
]


def main():
    inventory = Inventory(ROWS)
    print(f"{inventory.total()} pieces")
    print("tags: " + ", ".join(inventory.tags()))
    print("missing: " + ", ".join(inventory.missing(["lamp", "stool", "bench"])))
    assert inventory.age() < 3600


if __name__ == "__main__":
    main()
