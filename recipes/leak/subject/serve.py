"""Serves the same two requests again and again."""

from store import Router

ROUTER = Router()
NAMES = ["ada", "grace", "edsger"]


def serve(user):
    session = ROUTER.open(user)
    replies = [ROUTER.answer(session, route) for route in ("hello", "bye")]
    ROUTER.close(session)
    return replies


def main():
    answered = 0
    for number in range(300):
        answered += len(serve(NAMES[number % 3]))
    print(f"{answered} answers")


if __name__ == "__main__":
    main()
