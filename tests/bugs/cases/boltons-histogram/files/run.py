from boltons.statsutils import Stats

measured = {"morning": [1, 2, 2, 3, 5, 8], "noon": [3, 4, 4, 5], "evening": [7, 7, 7, 7, 7, 9]}
for name, values in measured.items():
    print(name, Stats(values).get_histogram_counts())
