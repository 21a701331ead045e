import sys

import portion

count = int(sys.argv[1])
busy = [(portion.closedopen(2 * n, 2 * n + 1), "work" if n % 2 else "home") for n in range(count)]
calendar = portion.IntervalDict(busy)
print(len(calendar.domain()))
