"""Answers requests; remembers too much."""

GREETINGS = ["hello", "hi", "hey"]


class Session:
    def __init__(self, user):
        self.user = user
        self.headers = {"accept": "text/plain"}


class Router:
    def __init__(self):
        self.routes = {"hello": str.upper, "bye": str.lower}
        self.recent = []
        self.listeners = []
        self.counts = {}

    def open(self, user):
        session = Session(user)
        self.listeners.append(session)
        return session

    def close(self, session):
        session.headers = {}

    def answer(self, session, route):
        self.recent = [route, *self.recent[:9]]
        self.counts[route] = self.counts.get(route, 0) + 1
        return GREETINGS[0] + self.routes[route](session.user)
