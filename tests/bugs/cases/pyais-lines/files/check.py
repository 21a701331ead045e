import sys
import tracemalloc

import run

run.main(80)
tracemalloc.start()
run.main(8000)
sys.exit(tracemalloc.get_traced_memory()[1] > 1_000_000)
