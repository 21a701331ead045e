"""But-for and placebo: does the symptom go with the intervention, and stay with others of its kind? Used by `checks`.

A run-time intervention says itself what it changed. Of a diff the tool measures it: a watched run before and
after shows whether measured code stopped running, and where on the executed path a placebo can go.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from debugbox.finding import Check, CheckResult, Conclusion, Intervention, Measurement, Place
from debugbox.hiding import changes_place, hidings
from debugbox.patch import Patch, apply_diff
from debugbox.trials import (
    Trials,
    Watched,
    expected_of,
    has_acted,
    moved_goal,
    notes_of,
    share_gone,
)
from debugbox.watched import Site, lost

PLACEBOS = 2
PLACEBO_TRIES = 8  # a site that does not run, or changes nothing, is no placebo
BUT_FOR_SHARE = 0.9  # of the effect that must be gone
LOST_SHARE, LOST_SHARE_THERE = 0.25, 0.5  # of the places that ran before: in all, and in the functions of the diff

_Run = Callable[[Place], Measurement | None]


@dataclass(frozen=True)
class Experiment:
    """One intervention against one symptom. `before` are the baseline's runs; `time_left` says whether to go on."""

    trials: Trials
    conclusion: Conclusion
    intervention: Intervention
    before: tuple[Measurement, ...]
    time_left: Callable[[], bool]

    # But-for

    def but_for(self) -> Check:
        """With the intervention, at least 90 % of the effect is gone in 3 of 3 fresh boxes."""
        if problems := self._problems():
            return Check(name="but-for", result="failed", why="; ".join(problems))
        runs = self.trials.measure_all(self._code, self.intervention, expected=self._given)
        check = Check(name="but-for", result="passed", why="", runs=tuple(runs))
        if any(run.state == "cannot measure" for run in runs):
            return replace(check, result="cannot measure", why=notes_of(runs))
        if not self._is_diff and any(not has_acted(run, self.intervention.sites) for run in runs):
            return replace(check, result="failed", why="the intervention changed nothing where it was applied")
        if any(moved_goal(run, self.before) for run in runs):
            return replace(check, result="failed", why="the intervention moves what is expected, not what is measured")
        gone = min(share_gone(run, self.before) for run in runs)
        why = f"{gone:.1%} of the effect is gone with {self._words}"
        if gone < BUT_FOR_SHARE:
            return replace(check, result="failed", why=why)
        result, trouble = self._other_work()
        return replace(check, result=result, why=f"{why}; but {trouble}" if trouble else why)

    def _problems(self) -> list[str]:
        """What makes a diff no test of the named cause, before anything runs."""
        if not self._is_diff:
            return []
        try:
            patch = self._patch
        except ValueError as misfit:
            return [f"the diff does not fit: {misfit}"]
        read = self.trials.snapshot.read
        problems = hidings(patch, read, expected=expected_of(self.before))
        suspects = self.conclusion.suspects
        if suspects and not changes_place(patch, suspects[0], read):
            problems.append(f"the diff does not change {suspects[0]}, the place that is named")
        return problems

    def _other_work(self) -> tuple[CheckResult, str]:
        """Whether the program still does its other work under the diff: the result, and what is wrong."""
        if not self._is_diff:
            return "passed", ""
        after = self.trials.watch(self._code, self.intervention)
        if after.measurement.state == "cannot measure" or not self.watched_before.seen.ran:
            return "passed", ""  # it cannot be watched, so there will be no placebo either
        if newly := after.seen.raised - self.watched_before.seen.raised:
            return "cannot measure", f"with it the program ends in {', '.join(sorted(newly))}"
        there, stopped = lost(self.watched_before.sites, self.watched_before.seen.ran, after.sites, after.seen.ran)
        mine = {(site.place.file, site.place.function) for site in self._own_sites}
        near, near_stopped = ([each for each in some if each[:2] in mine] for some in (there, stopped))
        if len(stopped) > LOST_SHARE * len(there) or len(near_stopped) > LOST_SHARE_THERE * len(near):
            what = f"{len(stopped)} of {len(there)} other places that ran before no longer run"
            return "failed", f"it takes measured code out of the run: {what}"
        return "passed", ""

    # Placebo

    def placebo(self) -> Check:
        """The same kind of intervention at two other places, chosen here, leaves the symptom present."""
        measure = self._place_diff if self._is_diff else self._place_run_time
        runs: list[Measurement] = []
        for site in self.placebo_sites()[:PLACEBO_TRIES]:
            if len(runs) == PLACEBOS or not self.time_left():
                break
            if run := measure(site):
                runs.append(replace(run, note=f"at {site}. {run.note}".strip()))
        check = Check(name="placebo", result="passed", why="", runs=tuple(runs))
        if len(runs) < PLACEBOS:
            why = f"only {len(runs)} of {PLACEBOS} other places where the intervention runs and changes a value"
            return replace(check, result="cannot measure", why=why)
        helped = [r for r in runs if r.state != "present" or share_gone(r, self.before) >= BUT_FOR_SHARE / 2]
        what = "another value changed a little" if self._is_diff else "the same intervention"
        if helped:
            return replace(check, result="failed", why=f"{what} elsewhere helps too: {notes_of(helped)}")
        return replace(check, why=f"{what} at {PLACEBOS} other places leaves the symptom present")

    def placebo_sites(self) -> list[Place]:
        """Candidates in an order that neither model nor recipe chose: by the snapshot's hash.

        Other functions come first, then what runs when a module is loaded, then the functions of the intervention:
        there nearly every change moves the symptom, so a place there says least.
        """
        taken = {(place.file, place.line) for place in (*self.conclusion.suspects, *self.intervention.sites)}
        taken |= self._patched_lines
        known = list(self._changeable.values()) if self._is_diff else []
        places = [site.place for site in known] or list(self.conclusion.placebo_sites)
        functions = {(site.place.file, site.place.function) for site in self._own_sites}
        functions |= {(place.file, place.function) for place in self.intervention.sites if place.function}
        others = [place for place in places if (place.file, place.line) not in taken]
        random.Random(self.trials.snapshot.sha256).shuffle(others)
        return sorted(others, key=lambda place: ((place.file, place.function) in functions, not place.function))

    def _place_run_time(self, site: Place) -> Measurement | None:
        run = self.trials.measure(self._code, replace(self.intervention, sites=(site,)), expected=self._given)
        return run if run.state != "cannot measure" and has_acted(run, (site,)) else None

    def _place_diff(self, site: Place) -> Measurement | None:
        done = self.trials.change(self._code, self._changeable[str(site)], expected=self._given)
        crashed = done.seen.raised - self.watched_before.seen.raised
        acted = str(site) in done.seen.changed and not crashed
        return done.measurement if acted and done.measurement.state != "cannot measure" else None

    # What both use

    @property
    def _code(self) -> str:
        return self.conclusion.symptom.code

    @property
    def _is_diff(self) -> bool:
        return self.intervention.kind == "diff"

    @property
    def _words(self) -> str:
        named = ", ".join(map(str, self.intervention.sites[:3]))
        return (
            f"the diff at {named}"
            if self._is_diff
            else self.intervention.describe or f"{self.intervention.kind} at {named}"
        )

    @cached_property
    def _given(self) -> float | None:
        return expected_of(self.before)

    @cached_property
    def _patch(self) -> Patch:
        return apply_diff(self.intervention.describe, self.trials.snapshot.read)

    @cached_property
    def watched_before(self) -> Watched:
        """The baseline, watched: once for both checks."""
        return self.trials.watch(self._code)

    @cached_property
    def _changeable(self) -> dict[str, Site]:
        watched = self.watched_before
        return {place: site for place, site in watched.sites.items() if place in watched.seen.changeable}

    @property
    def _patched_lines(self) -> set[tuple[str, int]]:
        regions = self._patch.regions if self._is_diff else ()
        return {(each.file, line) for each in regions for line in range(each.first, each.last + 1)}

    @property
    def _own_sites(self) -> Sequence[Site]:
        """The sites in the functions that the diff changes."""
        if not self._is_diff:
            return ()
        near = {
            (site.place.file, site.place.function)
            for site in self.watched_before.sites.values()
            for region in self._patch.regions
            if site.place.file == region.file
            and region.first - 3 <= site.place.line <= max(region.first, region.last) + 3
        }
        return [s for s in self.watched_before.sites.values() if (s.place.file, s.place.function) in near]
