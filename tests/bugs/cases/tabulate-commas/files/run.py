from tabulate import tabulate

print(tabulate([["apples", "1234"], ["pears", "12.5"]]))
print(tabulate([["apples", "12,5 kg"], ["pears", "7 kg"]]))
print(tabulate([["apples", "1,234.5"], ["pears", "12.5"]]))
