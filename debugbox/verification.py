"""Is a kept finding still so? Its symptom and its intervention, run again in fresh boxes; no model takes part.

The answer is "present", "gone" or "cannot run", and "cannot run" has its reason. Neighbours: `checks` measures,
`revision` gives an older tree.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from debugbox.box import BoxContext, Boxes
from debugbox.checks import Checks
from debugbox.engines import Engine, Environment, Progress
from debugbox.environment import import_roots, prepare_environment
from debugbox.errors import (
    DebianPackagesFailed,
    DebugboxError,
    EnvironmentFailed,
    NoInterpreter,
    NotARepository,
    RequirementsUnresolvable,
    SetupFailed,
    SnapshotTooLarge,
)
from debugbox.finding import Cell, Check, Conclusion, Finding, Intervention, Measurement
from debugbox.foreign import clean_line
from debugbox.listing import choice_of
from debugbox.places import site_now
from debugbox.revision import checked_out, commit_of
from debugbox.setting_up import set_up
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot, take_snapshot

Outcome = Literal["present", "gone", "cannot run"]

# What makes a tree unfit to be measured on, without anything being wrong with this machine.
_NOT_RUNNABLE = (
    DebianPackagesFailed,
    RequirementsUnresolvable,
    EnvironmentFailed,
    NoInterpreter,
    NotARepository,
    SnapshotTooLarge,
    SetupFailed,
)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What one finding's symptom answered on one tree. `checks` holds what was measured, the symptom first."""

    finding: Finding
    tree: str
    outcome: Outcome
    why: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What findings are verified on: a snapshot with its environment, or why there is none."""

    name: str
    snapshot: Snapshot | None = None
    environment: Environment | None = None
    trouble: str = ""


class _NoCells:
    """A finding that is kept has no code of its cells any more."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.code: dict[int, str] = {}


@contextmanager
def open_tree(settings: Settings, engine: Engine, progress: Progress, revision: str | None = None) -> Iterator[Tree]:
    """The working tree, or the tree of a revision, ready to open boxes on.

    Raises NoSuchRevision. A tree whose environment cannot be built is one on which nothing can be run.
    """
    if revision is None:
        yield _tree(settings, engine, progress, "the working tree")
        return
    commit = commit_of(settings.repository, revision)
    name = f"{revision} ({commit[:10]})" if not commit.startswith(revision) else commit[:10]
    with checked_out(settings.repository, commit, settings.limits) as folder:
        yield _tree(replace(settings, repository=folder), engine, progress, name)


def _tree(settings: Settings, engine: Engine, progress: Progress, name: str) -> Tree:
    try:
        snapshot = take_snapshot(settings.repository, settings.limits, choice=choice_of(settings))
        environment = prepare_environment(snapshot, engine, settings, progress)
        snapshot = set_up(snapshot, environment, engine, settings)
        return Tree(name=name, snapshot=snapshot, environment=environment)
    except _NOT_RUNNABLE as error:
        return Tree(name=name, trouble=_reason(error))


def verify(finding: Finding, tree: Tree, engine: Engine, settings: Settings) -> Verification:
    """Run the kept symptom three times on `tree`; while it is present, with the kept intervention too.

    Raises KeyboardInterrupt: what was measured until then is dropped.
    """
    asked = Verification(finding=finding, tree=tree.name, outcome="cannot run", why="")
    if not finding.symptom.code:
        return replace(asked, why="the finding keeps no executable symptom")
    if tree.snapshot is None or tree.environment is None:
        return replace(asked, why=tree.trouble)
    boxes = Boxes(
        engine=engine,
        environment=tree.environment,
        snapshot=tree.snapshot,
        limits=settings.limits,
        context=BoxContext(run=finding.run, question=finding.question, import_roots=import_roots(tree.snapshot)),
    )
    with boxes.ahead() as ready:
        checks = Checks(ready, _NoCells(), time_s=settings.limits.checks_time_s)
        done = tuple(checks.again(_kept_conclusion(finding, tree.snapshot)))
    if any(check.why == "interrupted" for check in done):
        raise KeyboardInterrupt
    return replace(asked, outcome=_outcome(done[0]), why=_why(done[0]), checks=done)


def _kept_conclusion(finding: Finding, snapshot: Snapshot) -> Conclusion:
    moved = _moved(finding.intervention, snapshot) if finding.intervention else None
    return Conclusion(
        answer=finding.answer, by=finding.by, suspects=finding.suspects, symptom=finding.symptom, intervention=moved
    )


def _moved(intervention: Intervention, snapshot: Snapshot) -> Intervention | None:
    """The intervention where its lines stand in this snapshot, or None when one of them is not there any more."""
    sites = [site_now(site, snapshot) for site in intervention.sites]
    known = tuple(site for site in sites if site is not None)
    return replace(intervention, sites=known) if len(known) == len(sites) else None


def _outcome(symptom: Check) -> Outcome:
    """Present when it shows at all; gone when every run measured and none shows it."""
    states = [run.state for run in symptom.runs]
    if "present" in states:
        return "present"
    return "gone" if states and set(states) == {"absent"} else "cannot run"


def _why(symptom: Check) -> str:
    if _outcome(symptom) == "gone":
        return f"absent in {len(symptom.runs)} of {len(symptom.runs)} fresh boxes{_numbers(symptom.runs)}"
    return f"{symptom.why}{_numbers(symptom.runs)}"


def _numbers(runs: tuple[Measurement, ...]) -> str:
    """The run that is furthest off: what was measured and what was expected."""
    known = [run for run in runs if run.effect is not None]
    if not known:
        return ""
    worst = max(known, key=lambda run: run.effect or 0.0)
    return f"; measured {worst.measured:.6g} where {worst.expected:.6g} is expected {worst.unit}".rstrip()


def _reason(error: DebugboxError) -> str:
    """In one line: what happened, and the last thing that the resolver or the build said."""
    first = str(error).partition("\n")[0].removesuffix(" The end of its log:").removesuffix(" The resolver says:")
    said = getattr(error, "words", "").strip().rpartition("\n")[2]
    return clean_line(f"{first} {said}")[:400].strip()
