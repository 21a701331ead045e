"""What an investigation has established so far: the symptom, what was tried against it, the hypotheses.

The agent's tools `set_symptom`, `try_intervention` and `note` write here. It goes into the conclusion where the
model left something out, into a fresh conversation at a handover, and into the journal. Agents side by side share it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from debugbox.calls import Change, SetSymptom, Tried
from debugbox.finding import Conclusion, Hypothesis, Intervention, Measurement, parse, to_plain
from debugbox.hiding import hidings
from debugbox.patch import Read, apply_diff
from debugbox.trials import effect_of, expected_of, has_acted, moved_goal, noise_of, share_gone

SYMPTOM_RUNS = 2  # at once, when it is set: the second is the A/A control
HELPS = 0.9  # of the effect gone: what the checks will ask for


class Laboratory(Protocol):
    """Where symptoms are measured: in fresh boxes on the clean snapshot."""

    def measure_all(
        self, code: str, intervention: Intervention | None = None, *, expected: float | None = None, runs: int = 3
    ) -> list[Measurement]: ...

    def read(self, path: str) -> bytes | None: ...


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer to the model: our words, and those of the box, which are data."""

    words: str
    foreign: str = ""
    is_error: bool = False


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A ledger as it is kept for a resumed run."""

    symptom: str
    runs: tuple[Measurement, ...]
    worked: Intervention | None
    hypotheses: tuple[Hypothesis, ...]
    tried: tuple[str, ...]


class Ledger:
    """Grows with the investigation. Raises nothing for what a symptom or a diff does.

    `on_change` gets all of it as plain data after each entry, to be kept for a resumed run.
    """

    def __init__(self, laboratory: Laboratory, on_change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self._laboratory, self._on_change = laboratory, on_change
        self._lock = threading.Lock()
        self._author = 0  # of several agents, from 1
        self._authors: dict[str, int] = {}  # of each hypothesis
        self.symptom = ""
        self.runs: tuple[Measurement, ...] = ()
        self.worked: Intervention | None = None  # the last one that helped or, where the symptom is absent, seeded it
        self.hypotheses: dict[str, Hypothesis] = {}
        self.tried: list[str] = []

    def for_one_of_many(self, author: int) -> "Ledger":
        """The same ledger for an agent beside others: hypotheses and trials are everybody's, the symptom stands."""
        mine = Ledger(self._laboratory, self._on_change)
        mine._lock, mine._author, mine._authors = self._lock, author, self._authors
        mine.symptom, mine.runs, mine.worked = self.symptom, self.runs, self.worked
        mine.hypotheses, mine.tried = self.hypotheses, self.tried
        return mine

    def restore(self, kept: dict[str, Any]) -> None:
        """What `on_change` was given last. Raises ValueError for anything else."""
        taken: _Kept = parse(_Kept, kept)
        self.symptom, self.runs, self.worked = taken.symptom, taken.runs, taken.worked
        self.hypotheses = {each.text: each for each in taken.hypotheses}
        self.tried = list(taken.tried)
        self._kept()

    def open_hypotheses(self) -> list[Hypothesis]:
        with self._lock:
            return [each for each in self.hypotheses.values() if each.status == "open"]

    @property
    def state(self) -> str:
        """`present`, `absent`, or empty while no symptom stands."""
        states = {run.state for run in self.runs}
        return states.pop() if len(states) == 1 else ""

    def set_symptom(self, asked: SetSymptom) -> Told:
        """Measure the code at once; it stands where both runs agree on present or absent."""
        if self._author:
            words = "Refused: the symptom stands for all agents. One that you conclude with is yours alone."
            return Told(words=words, is_error=True)
        runs = tuple(self._laboratory.measure_all(asked.code, runs=SYMPTOM_RUNS))
        states = {run.state for run in runs}
        notes = "\n".join(run.note for run in runs if run.note)
        said = "\n".join(f"Run {number}: {_words(run)}" for number, run in enumerate(runs, 1))
        if states == {"cannot measure"} or len(states) > 1:
            why = "it is not stable" if len(states) > 1 else "it cannot be measured"
            hint = "" if notes else " It gave no reason: pass note=, such as the end of stderr."
            return Told(words=f"{said}\nRefused: {why}.{hint} The symptom so far stays.", foreign=notes, is_error=True)
        self.symptom, self.runs, self.worked = asked.code, runs, None
        self._kept()
        if states == {"absent"}:
            words = (
                "Refused as the symptom of a fault: it is absent on this snapshot. Correct it or, if the premise of "
                "the question is wrong, show that it can fire: try_intervention with a diff that seeds the fault."
            )
            return Told(words=f"{said}\n{words}", foreign=notes, is_error=True)
        noise = noise_of(runs)
        floor = f" Between the two runs it differs by {noise:g}." if noise else ""
        return Told(words=f"{said}\nIt stands.{floor}", foreign=notes)

    def try_intervention(self, asked: Change) -> Told:
        """Before and after, each in a fresh box, and what makes a diff no test of a cause."""
        if not self.state:
            return Told(words="Set the symptom first: it is what an intervention is measured by.", is_error=True)
        intervention = asked.as_intervention()
        assert intervention is not None  # `read_call` has seen to it
        try:
            intervention, named = self._fitted(intervention)
        except ValueError as misfit:
            return Told(words="Nothing was measured, the diff does not fit.", foreign=str(misfit), is_error=True)
        given = expected_of(self.runs)
        run = self._laboratory.measure_all(self.symptom, intervention, expected=given, runs=1)[0]
        verdict, worked = self._weigh(run, intervention)
        if worked and not named:
            self.worked = intervention
        lines = [f"Before: {_words(self.runs[0])}", f"After: {_words(run)}", verdict]
        lines += [f"The checks will not accept this diff: {each}." for each in named]
        with self._lock:
            self.tried.append(f"{intervention.kind} at {', '.join(map(str, intervention.sites))}: {verdict}")
        self._kept()
        return Told(words="\n".join(lines), foreign=run.note, is_error=run.state == "cannot measure")

    def note(self, asked: Tried) -> Told:
        with self._lock:
            self.hypotheses[asked.text] = self._agreed(asked.as_hypothesis())
            self._authors[asked.text] = self._author
        self._kept()
        return Told(words=f"Noted; {len(self.hypotheses)} in the ledger.")

    def _agreed(self, noted: Hypothesis) -> Hypothesis:
        """What two agents say differently of one hypothesis is open, whoever spoke last."""
        before, author = self.hypotheses.get(noted.text), self._authors.get(noted.text, 0)
        if (
            not before
            or not author
            or author == self._author
            or {before.status, noted.status} != {"supported", "refuted"}
        ):
            return noted
        said = ((author, before), (self._author, noted))
        both = "; ".join(f"agent {number}: {each.status}, {each.evidence}" for number, each in said)
        return replace(noted, status="open", evidence=both)

    def complete(self, conclusion: Conclusion) -> Conclusion:
        """The conclusion with the ledger's symptom, intervention and hypotheses where it names none itself."""
        if not conclusion.symptom.code:
            conclusion = replace(conclusion, symptom=replace(conclusion.symptom, code=self.symptom))
        given = conclusion.intervention or (self.worked if conclusion.symptom.code == self.symptom else None)
        if given is not None and given.kind == "diff":
            given = self._with_places(given)
        told = {each.text for each in conclusion.hypotheses}
        with self._lock:
            earlier = tuple(each for text, each in self.hypotheses.items() if text not in told)
        return replace(conclusion, intervention=given, hypotheses=(*earlier, *conclusion.hypotheses))

    def digest(self) -> str:
        """For a conversation that starts anew. Foreign text: much of it is the model's and the box's."""
        with self._lock:
            lines = [f"Hypothesis ({each.status}): {each.text}. {each.evidence}" for each in self.hypotheses.values()]
            lines += [f"Tried: {each}" for each in self.tried]
        if self.symptom:
            lines.append(f"The symptom that stands ({self.state}):\n{self.symptom}")
        return "\n".join(lines)

    def _kept(self) -> None:
        with self._lock:
            kept = _Kept(
                symptom=self.symptom,
                runs=self.runs,
                worked=self.worked,
                hypotheses=tuple(self.hypotheses.values()),
                tried=tuple(self.tried),
            )
            self._on_change(to_plain(kept))

    def _fitted(self, intervention: Intervention) -> tuple[Intervention, list[str]]:
        """A diff with its places and what is wrong with it. Raises ValueError where it does not fit."""
        if intervention.kind != "diff":
            return intervention, []
        patch = apply_diff(intervention.describe, self._read)
        seeds = self.state == "absent"
        return patch.as_intervention(), hidings(patch, self._read, expected=None if seeds else expected_of(self.runs))

    def _with_places(self, given: Intervention) -> Intervention:
        try:
            return apply_diff(given.describe, self._read).as_intervention()
        except ValueError:
            return given  # the but-for check says so

    def _weigh(self, run: Measurement, intervention: Intervention) -> tuple[str, bool]:
        """What a run under the intervention says, and whether it is worth keeping."""
        if run.state == "cannot measure":
            return "It cannot be measured with this change: a crash is not a success.", False
        if self.state == "absent":
            fired = run.state == "present"
            return ("The symptom can fire." if fired else "The symptom does not fire with this change."), fired
        if moved_goal(run, self.runs):
            return "What is expected has moved, not what is measured.", False
        if intervention.kind != "diff" and not has_acted(run, intervention.sites):
            return "The run's record does not say that a value was changed there.", False
        gone = share_gone(run, self.runs)
        return f"{gone:.1%} of the effect is gone.", gone >= HELPS

    @property
    def _read(self) -> Read:
        return self._laboratory.read


def _words(run: Measurement) -> str:
    numbers = [
        f"{name} {value:g}"
        for name, value in (("measured", run.measured), ("expected", run.expected))
        if value is not None
    ]
    effect = effect_of([run])
    numbers += [f"effect {effect:g}"] if effect is not None else []
    return f"{run.state}, {', '.join(numbers)}" if numbers else run.state
