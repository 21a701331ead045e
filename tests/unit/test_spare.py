"""A box that is started ahead: handed out once, waited for, ended where nobody took it."""

import threading

import pytest

from debugbox.errors import BoxGone
from debugbox.spare import Spare


class FakeBox:
    def __init__(self) -> None:
        self.is_alive = True
        self.killed = 0

    def kill(self) -> None:
        self.killed += 1


class Starter:
    """Starts one at a time; each waits until `go` is set."""

    def __init__(self) -> None:
        self.boxes: list[FakeBox] = []
        self.go = threading.Event()
        self.fails = False

    def __call__(self) -> FakeBox:
        assert self.go.wait(5)
        if self.fails:
            raise BoxGone("no")
        self.boxes.append(FakeBox())
        return self.boxes[-1]


@pytest.fixture
def starter() -> Starter:
    starter = Starter()
    starter.go.set()
    return starter


def test_it_is_started_once_and_handed_out_once(starter: Starter) -> None:
    spare = Spare(starter)
    assert spare.take() is None
    spare.prepare()
    spare.prepare()
    box = spare.take()
    assert [box] == starter.boxes
    assert spare.take() is None
    spare.close()
    assert not starter.boxes[0].killed


def test_one_that_is_on_its_way_is_waited_for(starter: Starter) -> None:
    starter.go.clear()
    spare = Spare(starter)
    spare.prepare()
    threading.Timer(0.1, starter.go.set).start()
    assert spare.take() is not None
    spare.close()


def test_one_that_nobody_took_is_ended_also_while_it_starts(starter: Starter) -> None:
    spare = Spare(starter)
    spare.prepare()
    while not starter.boxes:
        pass
    spare.close()
    assert starter.boxes[0].killed == 1
    starter.go.clear()
    late = Spare(starter)
    late.prepare()
    threading.Timer(0.1, starter.go.set).start()
    late.close()
    assert all(box.killed == 1 for box in starter.boxes)
    late.prepare()
    assert late.take() is None


def test_one_that_did_not_start_or_has_died_is_none(starter: Starter) -> None:
    spare = Spare(starter)
    starter.fails = True
    spare.prepare()
    assert spare.take() is None
    starter.fails = False
    spare.prepare()
    while not starter.boxes:
        pass
    starter.boxes[0].is_alive = False
    assert spare.take() is None and starter.boxes[0].killed == 1
    spare.close()


def test_ctrl_c_while_it_is_waited_for_ends_it(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    starter.go.clear()
    spare = Spare(starter)
    spare.prepare()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("concurrent.futures.Future.result", interrupted)
        spare.take()
    starter.go.set()
    spare.close()
    assert [box.killed for box in starter.boxes] == [1]
