from tabulate import tabulate

print(tabulate([["apples", "1,234.5"], ["pears", "12.5"]]))
