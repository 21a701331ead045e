"""The checks, and the verdict computed from them: symptom, claim lint, but-for, placebo, no collateral.

A conclusion is not believed. Its symptom runs in fresh boxes on the clean snapshot, its evidence is
replayed, its intervention is applied by the tool, and the same kind of intervention at places that the
tool chose must not help. What was not run for lack of time is named.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from debugbox.box import BoxContext, Boxes
from debugbox.collateral import covering_tests, failing_tests
from debugbox.errors import BoxGone, KernelDied, SettingsNotApplied
from debugbox.finding import Cell, Check, CheckResult, Conclusion, Intervention, Measurement, Place, Verdict, parse
from debugbox.lint import lint
from debugbox.replay import differences

RUNS = 3
PLACEBOS = 2
PLACEBO_TRIES = 8  # a site that does not run, or changes nothing, is no placebo
BUT_FOR_SHARE = 0.9  # of the effect that must be gone
_SIDE_BY_SIDE = 2  # boxes at once: each has the box's CPUs, and laptops have few

CheckName = Literal["symptom", "claim lint", "but-for", "placebo", "no collateral"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict, the checks it was computed from, and the conclusion with its symptom measured."""

    verdict: Verdict
    checks: tuple[Check, ...]
    conclusion: Conclusion


class Recorded(Protocol):
    """What the claim lint reads of the bench: the cells as they were recorded, and the code that is still in memory."""

    cells: list[Cell]
    code: dict[int, str]


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
        self._deadline = clock() + time_s
        self._interrupted = False

    def judge(self, conclusion: Conclusion) -> Judgement:
        """Every check that can be run, in order; a Ctrl-C leaves the rest as not run."""
        checks: list[Check] = []
        for check in self._run_all(conclusion):
            checks.append(check)
        symptom = next((check for check in checks if check.name == "symptom"), None)
        measured = replace(conclusion.symptom, runs=symptom.runs if symptom else (), noise=_noise(symptom))
        concluded = replace(conclusion, symptom=measured)
        return Judgement(verdict=compute_verdict(concluded, checks), checks=tuple(checks), conclusion=concluded)

    def _run_all(self, conclusion: Conclusion) -> Iterator[Check]:
        symptom = self._timed("symptom", lambda: self._check_symptom(conclusion))
        yield symptom
        yield self._timed("claim lint", lambda: self._check_claims(conclusion))
        if symptom.result != "passed":
            return
        but_for = self._timed("but-for", lambda: self._check_but_for(conclusion, symptom))
        yield but_for
        if but_for.result == "passed":
            yield self._timed("placebo", lambda: self._check_placebo(conclusion, symptom))
            yield self._timed("no collateral", lambda: self._check_collateral(conclusion))

    def again(self, conclusion: Conclusion) -> Iterator[Check]:
        """For a finding that is kept: its symptom and, while that is present, its intervention. No cell is replayed."""
        symptom = self._timed("symptom", lambda: self._check_symptom(conclusion))
        yield symptom
        if symptom.result == "passed":
            yield self._timed("but-for", lambda: self._check_but_for(conclusion, symptom))

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

    # 1. symptom

    def _check_symptom(self, conclusion: Conclusion) -> Check:
        """Present in 3 of 3 fresh boxes; the same run once more in the first box is the A/A control."""
        if not conclusion.symptom.code:
            return Check(name="symptom", result="not run", why="no executable symptom was given")
        runs = self._measure_all(conclusion, [self._context()] * RUNS)
        present = [run for run in runs if run.state == "present"]
        check = Check(name="symptom", result="passed", why="", runs=tuple(runs))
        if any(run.state == "cannot measure" for run in runs):
            return replace(check, result="cannot measure", why=_notes(runs))
        if len(present) < RUNS:
            return replace(check, result="failed", why=f"present in {len(present)} of {RUNS} fresh boxes")
        noise, effect = _noise(check), _effect(runs)
        if effect is not None and noise is not None and effect <= noise:
            return replace(check, result="failed", why=f"the effect {effect:g} does not exceed the noise {noise:g}")
        floor = f"; A/A noise {noise:g}" if noise is not None else ""
        return replace(check, why=f"present in {RUNS} of {RUNS} fresh boxes{floor}")

    def _measure_all(self, conclusion: Conclusion, contexts: Sequence[BoxContext]) -> list[Measurement]:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda context: self._measure(conclusion, context), contexts))

    def _measure(self, conclusion: Conclusion, context: BoxContext) -> Measurement:
        """One run of the symptom's code in a fresh box. Whatever goes wrong is "cannot measure"."""
        try:
            with self._boxes.open(context) as box:
                code, limit_s = conclusion.symptom.code, self._boxes.limits.recipe_timeout_s
                cell = box.run_cell(code, id=1, purpose="symptom", timeout_s=limit_s)
        except (BoxGone, KernelDied, SettingsNotApplied) as gone:
            return Measurement(state="cannot measure", note=str(gone))
        return measurement_of(cell)

    def _context(self, *, intervention: Intervention | None = None, expected: float | None = None) -> BoxContext:
        return replace(
            self._boxes.context,
            interventions=(intervention,) if intervention else (),
            expected={"value": expected} if expected is not None else None,
        )

    # 2. claim lint

    def _check_claims(self, conclusion: Conclusion) -> Check:
        problems = lint(conclusion, self._boxes.snapshot, self._bench.cells)
        if not problems and conclusion.captions:
            problems = self._replay(conclusion)
        if problems:
            return Check(name="claim lint", result="failed", why="; ".join(problems)[:2000])
        cited = len(conclusion.captions)
        return Check(
            name="claim lint", result="passed", why=f"every place and quote holds; {cited} cited cells replayed alike"
        )

    def _replay(self, conclusion: Conclusion) -> list[str]:
        """The set-up cells and the cited ones, again, in a fresh box: what does not come back is named."""
        again = [cell for cell in self._bench.cells if cell.setup or cell.id in conclusion.captions]
        problems: list[str] = []
        try:
            with self._boxes.open() as box:
                for cell in again:
                    code, limit_s = self._bench.code[cell.id], max(60.0, 3 * cell.duration_s)
                    replayed = box.run_cell(code, id=cell.id, purpose=cell.purpose, timeout_s=limit_s)
                    if cell.id in conclusion.captions:
                        problems += [f"cell {cell.id}, run again: {each}" for each in differences(cell, replayed)]
        except (BoxGone, KernelDied, SettingsNotApplied) as gone:
            problems.append(f"the cited cells could not be replayed: {gone}")
        return problems

    # 3. but-for

    def _check_but_for(self, conclusion: Conclusion, symptom: Check) -> Check:
        """With the intervention, at least 90 % of the effect is gone in 3 of 3 fresh boxes."""
        if conclusion.intervention is None:
            return Check(name="but-for", result="not run", why="no intervention was proposed")
        context = self._context(intervention=conclusion.intervention, expected=_expected(symptom.runs))
        runs = self._measure_all(conclusion, [context] * RUNS)
        check = Check(name="but-for", result="passed", why="", runs=tuple(runs))
        if any(run.state == "cannot measure" for run in runs):
            return replace(check, result="cannot measure", why=_notes(runs))
        if any(not _has_acted(run, conclusion.intervention.sites) for run in runs):
            return replace(check, result="failed", why="the intervention changed nothing where it was applied")
        gone = [_share_gone(run, symptom) for run in runs]
        result: CheckResult = "passed" if all(share >= BUT_FOR_SHARE for share in gone) else "failed"
        return replace(
            check, result=result, why=f"{min(gone):.1%} of the effect is gone with {conclusion.intervention.describe}"
        )

    # 4. placebo

    def _check_placebo(self, conclusion: Conclusion, symptom: Check) -> Check:
        """The same kind of intervention at two other places, chosen here, leaves the symptom present."""
        runs: list[Measurement] = []
        for site in self._placebo_sites(conclusion)[:PLACEBO_TRIES]:
            if len(runs) == PLACEBOS or self._clock() > self._deadline:
                break
            run = self._measure_placebo(conclusion, symptom, site)
            if run.state != "cannot measure" and _has_acted(run, (site,)):
                runs.append(replace(run, note=f"at {site}. {run.note}".strip()))
        check = Check(name="placebo", result="passed", why="", runs=tuple(runs))
        if len(runs) < PLACEBOS:
            why = f"only {len(runs)} of {PLACEBOS} other places where the intervention runs and changes a value"
            return replace(check, result="cannot measure", why=why)
        helped = [run for run in runs if run.state != "present" or _share_gone(run, symptom) >= BUT_FOR_SHARE / 2]
        if helped:
            return replace(check, result="failed", why="the same intervention elsewhere helps too: " + _notes(helped))
        return replace(check, why=f"the same intervention at {PLACEBOS} other places leaves the symptom present")

    def _placebo_sites(self, conclusion: Conclusion) -> list[Place]:
        """Candidates in an order that neither model nor recipe chose: by the snapshot's hash, other functions first."""
        taken = {(place.file, place.line) for place in (*conclusion.suspects, *_sites(conclusion))}
        functions = {(place.file, place.function) for place in _sites(conclusion)}
        others = [site for site in conclusion.placebo_sites if (site.file, site.line) not in taken]
        random.Random(self._boxes.snapshot.sha256).shuffle(others)
        return sorted(others, key=lambda site: (site.file, site.function) in functions)

    def _measure_placebo(self, conclusion: Conclusion, symptom: Check, site: Place) -> Measurement:
        assert conclusion.intervention is not None
        placebo = replace(conclusion.intervention, sites=(site,))
        return self._measure(conclusion, self._context(intervention=placebo, expected=_expected(symptom.runs)))

    # 5. no collateral

    def _check_collateral(self, conclusion: Conclusion) -> Check:
        """Where the repository has tests of the patched files, none newly fails with the intervention."""
        tests = covering_tests(self._boxes.snapshot, _sites(conclusion))
        if not tests:
            return Check(
                name="no collateral", result="not run", why="no tests of the repository name the patched files"
            )
        before = failing_tests(self._boxes, self._context(), tests, self._left_s())
        after = failing_tests(self._boxes, self._context(intervention=conclusion.intervention), tests, self._left_s())
        if before is None or after is None:
            why = "the tests that name the patched files could not be run here in the time that was left"
            return Check(name="no collateral", result="not run", why=why)
        if newly := sorted(after - before):
            why = f"{len(newly)} tests newly fail: {', '.join(newly[:3])}"
            return Check(name="no collateral", result="failed", why=why)
        why = f"no test of {', '.join(tests)} newly fails with the intervention"
        return Check(name="no collateral", result="passed", why=why)

    def _left_s(self) -> float:
        return max(1.0, self._deadline - self._clock())


def compute_verdict(conclusion: Conclusion, checks: Sequence[Check]) -> Verdict:
    """The design's table, nothing else.

    `refuted` is never given here: it needs a symptom that was shown able to fire, which no check shows yet.
    """
    results = {check.name: check.result for check in checks}
    passed = {name for name, result in results.items() if result == "passed"}
    if not conclusion.suspects:
        return "inconclusive"
    if {"symptom", "claim lint", "but-for", "placebo"} <= passed and results.get("no collateral") != "failed":
        return "confirmed"
    tried_in_vain = {results.get(name) for name in ("but-for", "placebo", "no collateral")} & {"failed"}
    if {"symptom", "claim lint"} <= passed and conclusion.exact and not tried_in_vain:
        return "supported"
    return "suspected"


def measurement_of(cell: Cell) -> Measurement:
    """The one symptom record of a cell; none, several, or a wrong one is "cannot measure"."""
    records = cell.records("symptom")
    if cell.status != "ok" or len(records) != 1:
        errors = [
            output.text.strip().splitlines()[-1]
            for output in cell.outputs
            if output.kind == "error" and output.text.strip()
        ]
        said = errors[-1] if errors else cell.cause or f"it answered {len(records)} times"
        return Measurement(state="cannot measure", note=f"the symptom's code: {cell.status}; {said}")
    try:
        measurement: Measurement = parse(Measurement, records[0])
    except ValueError as error:
        return Measurement(state="cannot measure", note=f"the symptom's record: {error}"[:500])
    return measurement


def _sites(conclusion: Conclusion) -> tuple[Place, ...]:
    return conclusion.intervention.sites if conclusion.intervention else ()


def _expected(runs: Sequence[Measurement]) -> float | None:
    """What the baseline runs expected, when they all agree: then it need not be computed again."""
    values = {run.expected for run in runs}
    return values.pop() if len(values) == 1 else None


def _effect(runs: Sequence[Measurement]) -> float | None:
    effects = [run.effect for run in runs]
    known = [effect for effect in effects if effect is not None]
    return sum(known) / len(known) if len(known) == len(effects) and known else None


def _noise(symptom: Check | None) -> float | None:
    """A/A: how far the same measurement, with nothing changed, is from itself."""
    values = [run.measured for run in symptom.runs if run.measured is not None] if symptom else []
    return max(values) - min(values) if len(values) > 1 else None


def _share_gone(run: Measurement, symptom: Check) -> float:
    """How much of the baseline's effect is gone in `run`; without numbers, present or absent decides."""
    before, after = _effect(symptom.runs), run.effect
    if before is None or after is None:
        return 1.0 if run.state == "absent" else 0.0
    return 1.0 - max(0.0, after - (_noise(symptom) or 0.0)) / before


def _has_acted(run: Measurement, sites: Sequence[Place]) -> bool:
    """Whether the run's own record says that the intervention changed a value at each site."""
    changed: Any = run.details.get("changed", {})
    return isinstance(changed, dict) and all(_count(changed.get(str(site))) > 0 for site in sites)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _notes(runs: Sequence[Measurement]) -> str:
    return "; ".join(dict.fromkeys(run.note for run in runs if run.note))[:1000] or "no reason was given"
