"""What three doors' sensors say."""

from belief import longest_gap, odds_after, probability, smoothed

DOORS = {
    "cellar": [0.1, 0.2, 0.4, 0.3] * 5,
    "front": [0.9, 0.95, 1.0, 0.85] * 80,
    "back": [0.6, 0.4, 0.7, 0.5] * 40,
}
TIMES = [0.0, 600.0, 1200.0, 1860.0]


def main():
    chances = []
    for name, readings in DOORS.items():
        level = smoothed(readings)[-1]
        chances.append(probability(odds_after(readings)))
        print(f"{name}: level {level:.3f}, open with probability {chances[-1]:.4f}")
    print(f"doors open on average: {sum(chances) / len(chances):.4f}")
    print(f"longest gap: {longest_gap(TIMES):.0f} s")


if __name__ == "__main__":
    main()
