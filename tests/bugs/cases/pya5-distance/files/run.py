import math

from a5.utils.great_circle import great_circle_distance


def point(degrees):
    return (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0)


walked = 0.0
for step in range(1, 9):
    walked += great_circle_distance(point(13.3 + 1.3e-5 * (step - 1)), point(13.3 + 1.3e-5 * step))
    print(step, walked)
