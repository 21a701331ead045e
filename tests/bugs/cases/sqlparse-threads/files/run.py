"""Four threads format the same statement, each the first one it sees."""

import threading

import sqlparse

STATEMENT = "select a, b from t where x = 1"
formatted, lock = [], threading.Lock()


def work():
    text = sqlparse.format(STATEMENT, keyword_case="upper")
    with lock:
        formatted.append(text)


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(formatted), sorted(set(formatted)))
