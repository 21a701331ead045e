import gc
import sys

import run


def kept(count):
    for number in range(count):
        run.handle(number)
    gc.collect()
    return len(gc.get_objects())


kept(50)
first, second = kept(50), kept(50)
print(first, second)
sys.exit(second - first > 100)
