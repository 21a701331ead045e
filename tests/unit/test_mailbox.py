"""What waits for the host is bounded in bytes and in number; the rest waits where it comes from."""

import queue
import threading
import time

import pytest

from debugbox.mailbox import Mailbox


def test_what_came_first_is_taken_first_and_nothing_is_an_empty() -> None:
    box: Mailbox[int] = Mailbox(100, 10)
    for number in range(3):
        box.put(number, 1)
    assert [box.get(0) for _ in range(3)] == [0, 1, 2]
    began = time.monotonic()
    with pytest.raises(queue.Empty):
        box.get(0.05)
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(("sizes", "fits"), [([60, 60], 1), ([1] * 11, 10), ([1000], 1), ([50, 50, 1], 2)])
def test_putting_waits_until_there_is_room(sizes: list[int], fits: int) -> None:
    box: Mailbox[int] = Mailbox(100, 10)
    done: list[int] = []

    def put_all() -> None:
        for number, size in enumerate(sizes):
            box.put(number, size)
            done.append(number)

    thread = threading.Thread(target=put_all)
    thread.start()
    thread.join(0.2)
    assert len(done) == fits
    assert [box.get(5) for _ in sizes] == list(range(len(sizes)))
    thread.join(5)
    assert not thread.is_alive()


def test_what_is_there_is_given_without_waiting() -> None:
    box: Mailbox[str] = Mailbox(100, 10)
    box.put("here", 1)
    assert box.get(0) == "here"
    with pytest.raises(queue.Empty):
        box.get(0)
