"""When a cell has ended: reply and idle, or one of them and a grace; its limit, and when it is deaf."""

from typing import Any, cast

import pytest
from debugbox_kernel import cell as module
from debugbox_kernel.cell import IDLE_GRACE_S, INTERRUPT_GRACE_S, RunningCell
from debugbox_kernel.outputs import CellOutputs


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def cell(clock: Clock) -> RunningCell:
    request: dict[str, Any] = {"id": 1, "timeout_s": 10}
    return RunningCell(request, "m", cast(CellOutputs, None), 0.0, 0)


def test_reply_and_idle_end_it_in_either_order(cell: RunningCell, clock: Clock) -> None:
    cell.fell_idle()
    assert not cell.has_ended(clock.now)
    cell.replied({"status": "ok"})
    assert cell.has_ended(clock.now) and cell.status == "ok"


def test_a_lost_idle_costs_the_grace(cell: RunningCell, clock: Clock) -> None:
    cell.replied({"status": "error"})
    assert cell.next_deadline() == clock.now + IDLE_GRACE_S
    assert not cell.has_ended(clock.now + IDLE_GRACE_S - 0.01)
    assert cell.has_ended(clock.now + IDLE_GRACE_S) and cell.status == "error"


def test_a_backlog_after_the_reply_is_waited_for(cell: RunningCell, clock: Clock) -> None:
    cell.replied({"status": "ok"})
    clock.now += IDLE_GRACE_S - 0.1
    cell.heard()
    assert not cell.has_ended(clock.now + IDLE_GRACE_S - 0.01)
    assert cell.has_ended(clock.now + IDLE_GRACE_S)


def test_output_without_end_does_not_hold_a_cell_beyond_its_limit(cell: RunningCell, clock: Clock) -> None:
    cell.replied({"status": "ok"})
    clock.now += 10 + INTERRUPT_GRACE_S
    cell.heard()
    assert cell.has_ended(clock.now)


def test_a_lost_reply_is_never_told_as_success(cell: RunningCell, clock: Clock) -> None:
    cell.fell_idle()
    assert cell.has_ended(clock.now + IDLE_GRACE_S) and cell.status == "error"


def test_an_answered_cell_is_not_over_its_limit(cell: RunningCell, clock: Clock) -> None:
    assert cell.is_over_its_limit(clock.now + 10)
    cell.replied({"status": "ok"})
    assert not cell.is_over_its_limit(clock.now + 10)


def test_an_interrupted_cell_is_deaf_after_the_grace(cell: RunningCell, clock: Clock) -> None:
    assert not cell.is_deaf(clock.now + 1000)
    cell.interrupted = clock.now + 10
    assert cell.next_deadline() == clock.now + 10 + INTERRUPT_GRACE_S
    assert cell.is_deaf(clock.now + 10 + INTERRUPT_GRACE_S)


@pytest.mark.parametrize(("said", "kept"), [(5, 5), (-1, 0), ("5", 0), (None, 0), (1 << 70, 0)])
def test_what_the_kernel_says_of_its_children_is_checked(cell: RunningCell, said: object, kept: int) -> None:
    cell.replied({"status": "ok", "child_bytes": said})
    assert cell.child_bytes == kept
