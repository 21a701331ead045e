import numpy as np
from skyfield.positionlib import ICRF

ARCSECOND = np.pi / 180.0 / 3600.0
APART = 0.3


def star_at(angle):
    return ICRF(np.array([np.cos(angle), np.sin(angle), 0.0]))


def main():
    first, second = star_at(0.3), star_at(0.3 + APART * ARCSECOND)
    separation = first.separation_from(second).radians / ARCSECOND
    print(f"separation {separation:.9f} arcseconds")


if __name__ == "__main__":
    main()
