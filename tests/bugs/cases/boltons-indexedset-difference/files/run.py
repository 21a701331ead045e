import sys

from boltons.setutils import IndexedSet

size = int(sys.argv[1])
numbers = IndexedSet(range(size))
numbers.difference_update(range(0, size, 2))
print(len(numbers))
