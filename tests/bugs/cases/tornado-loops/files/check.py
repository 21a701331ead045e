import gc
import sys

import run


def kept(jobs):
    run.main(jobs)
    gc.collect()
    return len(gc.get_objects())


kept(20)
first, second = kept(20), kept(20)
print(first, second)
sys.exit(second - first > 100)
