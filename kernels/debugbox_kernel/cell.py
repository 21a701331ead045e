"""Runs in the box, in the supervisor. The cell that runs: its deadlines, and what is known of its end."""

from __future__ import annotations

import time
from typing import Any

from .outputs import CellOutputs

IDLE_GRACE_S = 2.0  # of silence: of reply and `idle`, whichever comes second may have been lost on the way
INTERRUPT_GRACE_S = 3.0


class RunningCell:
    """One `run` request in the kernel. `request` is the message id that its replies carry."""

    def __init__(
        self, request: dict[str, Any], message_id: str, outputs: CellOutputs, cpu_before_s: float, oom_before: int
    ) -> None:
        self.id: int = request["id"]
        self.timeout_s: float = request["timeout_s"]
        self.request, self.outputs, self.cpu_before_s, self.oom_before = message_id, outputs, cpu_before_s, oom_before
        self.started = time.monotonic()
        self.interrupted: float | None = None  # when its limit was reached
        self.status = "ok"
        self.child_bytes = 0  # of the largest process it has waited for, says the kernel
        self._replied: float | None = None
        self._idle: float | None = None
        self._heard = self.started

    def replied(self, content: dict[str, Any]) -> None:
        self._replied = time.monotonic()
        self.status = "ok" if content.get("status") == "ok" else "error"
        largest = content.get("child_bytes")
        self.child_bytes = largest if isinstance(largest, int) and 0 <= largest < 1 << 60 else 0

    def heard(self) -> None:
        """Output of it came: after a reply too, for a busy kernel sends that first and the backlog later."""
        self._heard = time.monotonic()

    def fell_idle(self) -> None:
        self._idle = time.monotonic()

    def has_ended(self, now: float) -> bool:
        if self._replied is not None and self._idle is not None:
            return True
        if self._first_sign() is None or now < self._end_of_grace():
            return False
        if self._replied is None:  # the kernel could not answer: what it says of that is on stderr
            self.status = "error"
        return True

    def is_over_its_limit(self, now: float) -> bool:
        return self.interrupted is None and self._first_sign() is None and now >= self.started + self.timeout_s

    def is_deaf(self, now: float) -> bool:
        return self.interrupted is not None and now >= self.interrupted + INTERRUPT_GRACE_S

    def next_deadline(self) -> float:
        if self._first_sign() is not None:
            return self._end_of_grace()
        if self.interrupted is not None:
            return self.interrupted + INTERRUPT_GRACE_S
        return self.started + self.timeout_s

    def _end_of_grace(self) -> float:
        """After the first sign: when the silence has been long enough, or the cell's time is over in any case."""
        first = self._first_sign() or self.started
        latest = max(first, self.started + self.timeout_s) + INTERRUPT_GRACE_S
        return min(max(first, self._heard) + IDLE_GRACE_S, latest)

    def _first_sign(self) -> float | None:
        """When the first of reply and `idle` came."""
        signs = [each for each in (self._replied, self._idle) if each is not None]
        return min(signs) if signs else None
