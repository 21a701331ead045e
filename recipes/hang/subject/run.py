"""Two tellers move money between the same two accounts at the same moment."""

import threading

from bank import Account, deposit, transfer


def meet(tellers):
    """Where tellers wait for each other; the last one lets all go on, and nobody waits for ever."""
    here = threading.Barrier(tellers, timeout=1.0)

    class Meeting:
        def wait(self):
            try:
                here.wait()
            except threading.BrokenBarrierError:
                pass

    return Meeting()


def main():
    ada, grace = Account("ada", 100), Account("grace", 100)
    counts = {}
    for account in (ada, grace):
        deposit(account, 10, counts)
    together = meet(2)
    tellers = [
        threading.Thread(target=transfer, args=(ada, grace, 30, together), name="teller 1"),
        threading.Thread(target=transfer, args=(grace, ada, 20, together), name="teller 2"),
    ]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    print(f"{ada.balance} and {grace.balance} after {counts['deposits']} deposits")


if __name__ == "__main__":
    main()
