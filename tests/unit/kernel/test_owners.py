"""Output belongs to the cell that started the thread or task; a cell's text keeps head and tail."""

import asyncio
import contextvars
import threading

import pytest
from debugbox_kernel import owners as module
from debugbox_kernel.owners import CellText, Owners


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test can reach."""
    for name, size in (("HEAD_CHARS", 10), ("TAIL_CHARS", 10), ("SENT_TAIL_CHARS", 6), ("KEPT_CHARS", 25)):
        monkeypatch.setattr(module, name, size)


@pytest.mark.usefixtures("small")
def test_head_is_sent_at_once_and_tail_at_the_end() -> None:
    cell = CellText()
    assert cell.add("stdout", "0123456789abc") == "0123456789"
    assert cell.add("stderr", "defgh") == ""
    assert cell.take_tail() == (2, [("stdout", "c"), ("stderr", "defgh")])
    assert cell.text == "0123456789abcdefgh" and cell.cut == 0


@pytest.mark.usefixtures("small")
def test_the_middle_is_counted() -> None:
    cell = CellText()
    for letter in "abcdefghijklmnopqrstuvwxyz":
        cell.add("stdout", letter)
    unsent, pieces = cell.take_tail()
    assert "".join(text for _, text in pieces) == "uvwxyz" and unsent == 10
    assert cell.cut == 6 and "6 characters were not kept" in cell.text and cell.text.endswith("qrstuvwxyz")


@pytest.mark.usefixtures("small")
def test_a_tail_is_sent_once() -> None:
    cell = CellText()
    cell.add("stdout", "x" * 15)
    assert cell.take_tail()[1] and not cell.take_tail()[1]


@pytest.mark.usefixtures("small")
def test_notes_are_kept_and_not_sent() -> None:
    cell = CellText()
    cell.note("a result")
    cell.note("a second result")
    assert cell.take_tail() == (0, []) and cell.text.endswith("result")


@pytest.mark.usefixtures("small")
def test_the_oldest_cells_are_forgotten() -> None:
    owners = Owners()
    for id in (1, 2, 3):
        owners.begin({"msg_id": str(id)})
        owners.number(id)
        owners.running.add("stdout", "x" * 10)
    owners.begin({})
    owners.number(4)
    assert owners.kept(3).size == 10
    with pytest.raises(KeyError):
        owners.kept(1)


def test_a_thread_belongs_to_the_cell_that_started_it() -> None:
    owners = Owners()
    asked = threading.Event()
    answers: list[CellText] = []

    def work() -> None:
        asked.wait(5)
        answers.append(owners.of_this_output())

    contextvars.copy_context().run(owners.begin, {"msg_id": "first"})
    thread = threading.Thread(target=work)
    thread.start()
    first = owners.running
    contextvars.copy_context().run(owners.begin, {"msg_id": "second"})
    asked.set()
    thread.join()
    assert answers == [first] and owners.running is not first


def test_a_task_belongs_to_the_cell_that_started_it() -> None:
    owners = Owners()

    async def session() -> tuple[CellText, CellText]:
        async def work() -> CellText:
            await asyncio.sleep(0)
            return owners.of_this_output()

        owners.begin({"msg_id": "first"})
        first, task = owners.running, asyncio.ensure_future(work())
        owners.begin({"msg_id": "second"})
        return first, await task

    first, answer = asyncio.run(session())
    assert answer is first
