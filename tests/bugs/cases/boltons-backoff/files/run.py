from boltons.iterutils import backoff

for factor in (2.0, 1.5, 1.0):
    print(factor, backoff(5.0, 5.0, factor=factor))
