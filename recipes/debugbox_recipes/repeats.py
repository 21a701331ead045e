"""Trials in which an expression gives again what it gave before, and what is left of a change then. In the kernel.

A study that follows where a change begins (`flow`) is a `Repeating`: its births are tried one after the other, and
expressions that do not change are the controls.
"""

from dataclasses import dataclass
from typing import Any, Callable, List, Optional

from .flow import Spot, controls

COVER = 0.9  # of the change that must be gone with the values repeated
_TRIED, _CONTROLS = 6, 2
_LEAST_S = 5.0


@dataclass
class Trial:
    """Values repeated at a spot, the run `done` (with `trouble` and `counts`), and how much of the change is gone."""

    spot: Spot
    done: Any
    gone: Optional[float]  # share; None where the run says nothing

    @property
    def acted(self) -> bool:
        return self.gone is not None and sum(self.done.counts("changed").values()) > 0

    @property
    def enough(self) -> bool:
        return self.acted and (self.gone or 0.0) >= COVER

    def left(self, what: str) -> str:
        gone = self.gone or 0.0
        return f"{what} is gone" if gone >= 1.0 else f"{max(0.0, 1.0 - gone):.0%} of {what} is left"


Attempt = Callable[[Spot], Trial]


class Repeating:
    """What a study has of it. The fields are its own."""

    spots: List[Spot]  # in the order of evaluation
    steady: List[Spot]  # that do not change
    trials: List[Trial]
    controls: List[Trial]
    limits: List[str]

    @property
    def births(self) -> List[Spot]:
        return [spot for spot in self.spots if spot.born]

    @property
    def proof(self) -> Optional[Trial]:
        return next((trial for trial in self.trials if trial.enough), None)

    @property
    def cause(self) -> Optional[Spot]:
        """Where repeating takes the change away, else the first that changes without its operands."""
        if self.proof is not None:
            return self.proof.spot
        return next(iter(self.births or self.spots), None)

    def intervene(self, attempt: Attempt, left_s: Callable[[], float]) -> None:
        """At one expression after the other, up to the first that is enough."""
        births = self.births
        rest = [spot for spot in self.spots if spot not in births]
        for spot in [*births, *rest[:1]][:_TRIED]:
            if left_s() < _LEAST_S:
                self.limits.append("no time was left to try all places")
                return
            self.trials.append(attempt(spot))
            if self.trials[-1].enough:
                return

    def control(self, attempt: Attempt, left_s: Callable[[], float]) -> None:
        """Other values repeated in the same way: the change must stay."""
        if self.proof is None:
            return
        for spot in controls(self.spots, self.steady)[: 4 * _CONTROLS]:
            if len(self.controls) == _CONTROLS or left_s() < _LEAST_S:
                return
            trial = attempt(spot)
            if trial.acted:
                self.controls.append(trial)

    def of_trials(self, in_vain: str, told: str, what: str) -> str:
        """A sentence or two: what is left, and where it stays. `in_vain` says what did not happen."""
        proof = self.proof
        if proof is None:
            return f"{in_vain} ({len([each for each in self.trials if each.gone is not None])} places tried)."
        stayed = [str(each.spot) for each in self.controls if each.gone is not None and each.gone < 0.5]
        also = f" Repeated in the same way, {' and '.join(stayed)} leave it." if stayed else ""
        return f"With {told} repeated there, {proof.left(what)}.{also}"
