"""Runs the clock for a simulated hour."""

from clock import Clock

TICK_S = 0.1


def main():
    clock = Clock(TICK_S)
    for _ in range(36_000):
        clock.advance()
    print(f"clock {clock.now:.9f} s, lag {clock.lag():.9f} ms")


if __name__ == "__main__":
    main()
