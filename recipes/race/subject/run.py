"""Four desks take payments; the till must hold what the receipts say."""

import threading

from till import Till

DESKS, PAYMENTS, AMOUNT = 4, 40, 5


def serve(till, desk):
    for _ in range(PAYMENTS):
        till.pay(desk, AMOUNT)


def main():
    till = Till()
    threads = [threading.Thread(target=serve, args=(till, f"desk {number}")) for number in range(DESKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(till.report())
    if till.total != DESKS * PAYMENTS * AMOUNT:
        raise SystemExit("the till does not hold what was paid")


if __name__ == "__main__":
    main()
