"""The checks, and the verdict computed from them: symptom, claim lint, but-for, placebo, no collateral.

A conclusion is not believed. Its symptom runs in fresh boxes on the clean snapshot, its evidence is
replayed, its intervention is applied by the tool, and the same kind of intervention at places that the
tool chose must not help. What was not run for lack of time is named.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from debugbox.box import Boxes
from debugbox.claims import Recorded, check_claims, struck
from debugbox.collateral import check_collateral
from debugbox.experiments import Experiment
from debugbox.finding import Check, Conclusion, Measurement, Verdict
from debugbox.hiding import hidings
from debugbox.lint import Fault
from debugbox.patch import apply_diff
from debugbox.trials import RUNS, Trials, effect_of, noise_of, notes_of
from debugbox.trials import measurement_of as measurement_of

CheckName = Literal["symptom", "claim lint", "but-for", "placebo", "no collateral"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict, the checks it was computed from, and the conclusion: its symptom measured, its faults struck."""

    verdict: Verdict
    checks: tuple[Check, ...]
    conclusion: Conclusion
    faults: tuple[Fault, ...] = ()

    def of(self, conclusion: Conclusion) -> "Judgement":
        """The same of a conclusion that differs in nothing but words, or in that it is in dispute."""
        same = struck(replace(conclusion, symptom=self.conclusion.symptom), self.faults)
        return replace(self, verdict=compute_verdict(same, self.checks), conclusion=same)


def unchecked(conclusion: Conclusion, faults: Sequence[Fault]) -> Judgement:
    """Where no checks are wanted: what can be seen to be wrong is struck, and what is left is a suspicion."""
    left = struck(conclusion, faults)
    return Judgement(verdict="suspected" if left.suspects else "inconclusive", checks=(), conclusion=left)


class Checks:
    """Runs the table of the design on one conclusion, within `time_s` of wall time."""

    def __init__(
        self,
        boxes: Boxes,
        bench: Recorded,
        *,
        time_s: float,
        on_check: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._boxes, self._bench, self._on_check, self._clock = boxes, bench, on_check, clock
        self._trials = Trials(boxes)
        self._deadline = clock() + time_s
        self._interrupted = False
        self._faults: list[Fault] = []

    def judge(self, conclusion: Conclusion) -> Judgement:
        """Every check that can be run, in order; a Ctrl-C leaves the rest as not run. What does not hold is struck."""
        checks = tuple(self._run_all(conclusion))
        runs = next((check.runs for check in checks if check.name == "symptom"), ())
        symptom = replace(conclusion.symptom, runs=runs, noise=noise_of(runs))
        concluded = struck(replace(conclusion, symptom=symptom), self._faults)
        verdict = compute_verdict(concluded, checks)
        return Judgement(verdict=verdict, checks=checks, conclusion=concluded, faults=tuple(self._faults))

    def _run_all(self, conclusion: Conclusion) -> Iterator[Check]:
        symptom = self._timed("symptom", lambda: self._check_symptom(conclusion))
        yield symptom
        yield self._timed("claim lint", lambda: self._check_claims(conclusion))
        if conclusion.premise_refuted:
            if symptom.runs and all(run.state == "absent" for run in symptom.runs):
                yield self._timed("but-for", lambda: self._check_able_to_fire(conclusion))
            return
        if symptom.result != "passed":
            return
        experiment = self._experiment(conclusion, symptom)
        but_for = self._timed("but-for", lambda: _but_for(experiment))
        yield but_for
        if experiment and but_for.result == "passed":
            yield self._timed("placebo", experiment.placebo)
            yield self._timed("no collateral", lambda: self._check_collateral(experiment))

    def again(self, conclusion: Conclusion) -> Iterator[Check]:
        """For a finding that is kept: its symptom and, while that is present, its intervention. No cell is replayed."""
        symptom = self._timed("symptom", lambda: self._check_symptom(conclusion))
        yield symptom
        if symptom.result == "passed":
            yield self._timed("but-for", lambda: _but_for(self._experiment(conclusion, symptom)))

    def _timed(self, name: CheckName, run: Callable[[], Check]) -> Check:
        if self._interrupted or self._clock() > self._deadline:
            why = "interrupted" if self._interrupted else "there was no time left for it"
            return Check(name=name, result="not run", why=why)
        self._on_check(name)
        began = self._clock()
        try:
            check = run()
        except KeyboardInterrupt:
            self._interrupted = True
            check = Check(name=name, result="not run", why="interrupted")
        return replace(check, duration_s=round(self._clock() - began, 3))

    def _check_symptom(self, conclusion: Conclusion) -> Check:
        """Present in 3 of 3 fresh boxes, beyond the noise of these runs among themselves (A/A)."""
        if not conclusion.symptom.code:
            return Check(name="symptom", result="not run", why="no executable symptom was given")
        runs = self._trials.measure_all(conclusion.symptom.code)
        present = [run for run in runs if run.state == "present"]
        check = Check(name="symptom", result="passed", why="", runs=tuple(runs))
        if any(run.state == "cannot measure" for run in runs):
            return replace(check, result="cannot measure", why=notes_of(runs))
        if len(present) < RUNS:
            return replace(check, result="failed", why=f"present in {len(present)} of {RUNS} fresh boxes")
        noise, effect = noise_of(runs), effect_of(runs)
        if effect is not None and noise is not None and effect <= noise:
            return replace(check, result="failed", why=f"the effect {effect:g} does not exceed the noise {noise:g}")
        floor = f"; A/A noise {noise:g}" if noise is not None else ""
        return replace(check, why=f"present in {RUNS} of {RUNS} fresh boxes{floor}")

    def _check_claims(self, conclusion: Conclusion) -> Check:
        check, self._faults = check_claims(conclusion, self._boxes, self._bench)
        return check

    def _check_able_to_fire(self, conclusion: Conclusion) -> Check:
        """For `refuted`: with a fault that the diff seeds, the symptom that is absent here must be present."""
        seeded = conclusion.intervention
        if seeded is None or seeded.kind != "diff":
            why = "the symptom was not shown able to fire: that takes a diff that seeds the fault it looks for"
            return Check(name="but-for", result="not run", why=why)
        try:
            patch = apply_diff(seeded.describe, self._boxes.snapshot.read)
        except ValueError as misfit:
            return Check(name="but-for", result="failed", why=f"the diff does not fit: {misfit}")
        if named := hidings(patch, self._boxes.snapshot.read):
            return Check(name="but-for", result="failed", why="; ".join(named))
        runs = self._trials.measure_all(conclusion.symptom.code, seeded)
        fired = sum(run.state == "present" for run in runs)
        why = (
            f"with a fault seeded at {patch.as_intervention().sites[0]}, it is present in {fired} of {RUNS} fresh boxes"
        )
        return Check(name="but-for", result="passed" if fired == RUNS else "failed", why=why, runs=tuple(runs))

    def _experiment(self, conclusion: Conclusion, symptom: Check) -> Experiment | None:
        if conclusion.intervention is None:
            return None
        return Experiment(self._trials, conclusion, conclusion.intervention, symptom.runs, lambda: self._left_s() > 0)

    def _check_collateral(self, experiment: Experiment) -> Check:
        changed = self._trials.contents(experiment.intervention)
        return check_collateral(self._boxes, experiment.intervention, changed, self._left_s)

    def _left_s(self) -> float:
        return max(0.0, self._deadline - self._clock())


def _but_for(experiment: Experiment | None) -> Check:
    if experiment is None:
        return Check(name="but-for", result="not run", why="no intervention was proposed")
    return experiment.but_for()


def compute_verdict(conclusion: Conclusion, checks: Sequence[Check]) -> Verdict:
    """The design's table, nothing else. What is in dispute between agents counts as a suspicion at most."""
    verdict = _verdict(conclusion, checks)
    if not conclusion.disputed or verdict not in ("confirmed", "supported", "refuted"):
        return verdict
    return "suspected" if conclusion.suspects else "inconclusive"


def _verdict(conclusion: Conclusion, checks: Sequence[Check]) -> Verdict:
    results = {check.name: check.result for check in checks}
    passed = {name for name, result in results.items() if result == "passed"}
    if conclusion.premise_refuted:
        absent = all(run.state == "absent" for run in _runs_of("symptom", checks)) and _runs_of("symptom", checks)
        return "refuted" if absent and {"claim lint", "but-for"} <= passed else "inconclusive"
    if not conclusion.suspects:
        return "inconclusive"
    if {"symptom", "claim lint", "but-for", "placebo"} <= passed and results.get("no collateral") != "failed":
        return "confirmed"
    tried_in_vain = {results.get(name) for name in ("but-for", "placebo", "no collateral")} & {"failed"}
    if {"symptom", "claim lint"} <= passed and conclusion.exact and not tried_in_vain:
        return "supported"
    return "suspected"


def _runs_of(name: CheckName, checks: Sequence[Check]) -> tuple[Measurement, ...]:
    return next((check.runs for check in checks if check.name == name), ())
