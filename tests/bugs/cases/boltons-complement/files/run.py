from boltons.setutils import complement

everything_but_ones, everything_but_small = complement({1}), complement({1, 2})
print(everything_but_ones == everything_but_small, 5 in everything_but_ones)
print(everything_but_small <= everything_but_ones)
