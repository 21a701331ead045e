"""The main path: snapshot, environment, box, agent or recipe, checks, finding. Read it top to bottom."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from debugbox.archive import Archive, Kept
from debugbox.bench import Bench
from debugbox.box import BoxContext, Boxes
from debugbox.byrecipe import investigate_by_recipe
from debugbox.checks import Checks, Judgement, unchecked
from debugbox.earlier import Known, known_before
from debugbox.early import EarlyBox
from debugbox.engines import BoxSize, Engine
from debugbox.environment import import_roots, prepare_environment
from debugbox.errors import CommandMissing, EmptyQuestion, NoPython
from debugbox.finding import Cell, Conclusion, Cost, Finding
from debugbox.following import Followed
from debugbox.inquiry import ModelInvestigator, Reviewer
from debugbox.journal import Interrupted, Journal
from debugbox.kept import discarded_code, evidence_of
from debugbox.lint import faults
from debugbox.listing import choice_of
from debugbox.model import AnthropicModel
from debugbox.overview import described, overview_of
from debugbox.provenance import provenance_of
from debugbox.render.words import tally
from debugbox.resume import Past, together
from debugbox.setting_up import set_up
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot, take_snapshot
from debugbox.team import Lane

_PROBE = "import debugbox_kernel as box\nbox.probe()\n"


class Step(Protocol):
    """A step that is running: what it does now, and what its last line will say."""

    def update(self, text: str) -> None: ...
    def result(self, text: str) -> None: ...


class View(Protocol):
    """What the main path tells the terminal while it goes."""

    def step(self, name: str, detail: str = "") -> AbstractContextManager[Step]: ...
    def activity(self, text: str) -> None: ...
    def lane(self, name: str, detail: str = "") -> AbstractContextManager[Lane]: ...
    def note(self, text: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def on_event(self, name: str, /, **data: Any) -> None: ...
    def ask(self) -> str | None: ...


def investigate(
    question: str,
    settings: Settings,
    *,
    engine: Engine,
    model: AnthropicModel | None,
    view: View,
    past: Interrupted | None = None,
    follows: Followed | None = None,
) -> Kept:
    """Answer one question about one repository; what remains is the archived finding.

    `past` is an interrupted run to go on from; its journal goes when the finding is kept.
    `follows` is a finding that the question starts from.

    Raises:
        DebugboxError: something that makes an investigation impossible, before it has begun. From then
            on every ending (a spent limit, Ctrl-C, a dead box, a lost network) is a finding.
    """
    if not question.strip():
        raise EmptyQuestion
    if follows:
        settings = follows.taken_over(settings)
        view.note(follows.in_words(settings))
    with EarlyBox(engine, settings, question) as early:
        return _investigate(
            question, settings, early, engine=engine, model=model, view=view, past=past, follows=follows
        )


def _investigate(
    question: str,
    settings: Settings,
    early: EarlyBox,
    *,
    engine: Engine,
    model: AnthropicModel | None,
    view: View,
    past: Interrupted | None,
    follows: Followed | None,
) -> Kept:
    began = time.monotonic()
    folder = (follows and follows.tree) or settings.repository
    with view.step("snapshot") as step:
        snapshot = take_snapshot(folder, settings.limits, choice=choice_of(settings), when_listed=early.begin)
        step.result(described(snapshot))
    for note in snapshot.notes:
        view.note(note)
    if not snapshot.python_files and model is None:
        raise NoPython(settings.repository, len(snapshot.files))
    with view.step("environment", engine.name) as step:
        environment = prepare_environment(snapshot, engine, settings, step.update)
        step.result(f"Python {environment.python}, {len(environment.packages)} packages")
    for note in environment.notes:
        view.note(note)
    if settings.setup:
        with view.step("set-up", settings.setup) as step:
            snapshot = set_up(snapshot, environment, engine, settings)
            step.result(f"{len(snapshot.made)} files made")

    context = BoxContext(run=settings.run, question=question, import_roots=import_roots(snapshot))
    boxes = Boxes(
        engine=engine,
        environment=environment,
        snapshot=snapshot,
        limits=settings.limits,
        context=context,
        begun=early.take,
    )
    earlier = _earlier(settings, snapshot, follows, view) if model else Known()
    provenance = provenance_of(snapshot, environment, engine, settings, model)
    provenance |= (follows.link(snapshot) if follows else {}) | ({"told_of": list(earlier.ids)} if earlier.ids else {})
    with (
        Journal.open(
            settings.state_dir,
            question=question,
            run=settings.run,
            repository=settings.repository,
            provenance=provenance,
            resumable=model is not None and not settings.discard_all,
        ) as journal,
        Bench(boxes, journal, view) as bench,
    ):
        with view.step("box", engine.describe()) as step:
            bench.warm_up()
            size = BoxSize.of(settings.limits, snapshot.size_bytes, len(snapshot.files))
            step.result(f"{engine.name}, {settings.limits.of_a_box(size.snapshot_bytes)}")
        if bench.unenforced:
            view.note(f"not enforced on this machine: {', '.join(bench.unenforced)}")
        if not (past and model):  # else that cell is among the earlier ones
            _probe_command(settings, bench)
        with boxes.ahead() if settings.checks else nullcontext(boxes) as ready:
            investigator = _Investigator(question, settings, ready, bench, journal, view)
            conclusion, cost = investigator.run(model, past, earlier.text)
            bench.close()
            journal.conclusion(conclusion)

            checks_s = max(settings.limits.checks_time_s, settings.limits.max_time_s - (time.monotonic() - began))
            judgement = investigator.judgement_of(conclusion, checks_s)
        cost = replace(cost, duration_s=round(time.monotonic() - began, 3), cells=len(bench.all_cells))
        finding = _finding(question, settings, journal, bench, judgement, cost, provenance)
        finding = replace(finding, provenance=finding.provenance | _tree_check(snapshot))
        kept = archive_of(settings).keep(finding)
        journal.finished()
        if past:
            past.discard()
    return kept


class _Investigator:
    """Who looks, the agent where there is a model, else the recipe that fits; and what the checks make of it."""

    def __init__(
        self, question: str, settings: Settings, boxes: Boxes, bench: Bench, journal: Journal, view: View
    ) -> None:
        self._question, self._settings = question, settings
        self._boxes, self._bench, self._journal, self._view = boxes, bench, journal, view
        self._reviewer = Reviewer(boxes, bench, None)

    def run(self, model: AnthropicModel | None, past: Interrupted | None, earlier: str) -> tuple[Conclusion, Cost]:
        """The conclusion, and what it cost, an interrupted run before it included.

        `earlier` is what a model is told of findings made before.
        """
        if model is None:
            given = (self._question, self._settings, self._boxes.snapshot, self._bench)
            return investigate_by_recipe(*given, self._view.note), Cost()
        interrupted = Past(past) if past else None
        if interrupted:
            self._bench.go_on(interrupted.cells, interrupted.code)
        investigator = ModelInvestigator(
            model,
            self._bench,
            self._boxes,
            self._journal,
            self._settings,
            judge=self._judge_in_between if self._settings.checks else None,
            view=self._view,
            steer=self._view.ask if sys.stdin.isatty() and sys.stderr.isatty() else None,
            past=interrupted,
        )
        overview = overview_of(self._boxes.snapshot)
        with self._view.step("model", model.model) as step:
            conclusion = investigator.run(self._question, run=self._settings.run, overview=overview, earlier=earlier)
            step.result(f"{model.model}, {investigator.cost().turns} turns")
        self._reviewer = investigator.reviewer
        return conclusion, together(interrupted.spent if interrupted else Cost(), investigator.cost())

    def judgement_of(self, conclusion: Conclusion, time_s: float) -> Judgement:
        """What the checks make of it; what was judged in between already is not judged again."""
        if not self._settings.checks:
            return unchecked(conclusion, faults(conclusion, self._boxes.snapshot, self._bench.cells))
        if judged := self._reviewer.judgement_of(conclusion):
            return judged.of(conclusion)
        return self._judge(conclusion, time_s, self._bench, self._view)

    def _judge_in_between(self, conclusion: Conclusion, bench: Bench, view: Lane) -> Judgement:
        return self._judge(conclusion, self._settings.limits.checks_time_s, bench, view)

    def _judge(self, conclusion: Conclusion, time_s: float, bench: Bench, view: Lane) -> Judgement:
        with view.step("checks") as step:
            judgement = Checks(self._boxes, bench, time_s=time_s, on_check=step.update).judge(conclusion)
            step.result(tally(judgement.checks))
        for check in judgement.checks:
            self._journal.check(check)
        return judgement


def _earlier(settings: Settings, snapshot: Snapshot, follows: Followed | None, view: View) -> Known:
    """What the archive holds about these files, for the agent."""
    known = known_before(archive_of(settings), snapshot, follows.finding if follows else None)
    if known.ids:
        view.note(f"the model is told of earlier findings: {', '.join(known.ids)}")
    return known


def _probe_command(settings: Settings, bench: Bench) -> None:
    """Run the question's command once: a command that does not exist is the user's to know at once.

    Raises:
        CommandMissing: the shell, or the interpreter, did not find it.
    """
    if not settings.run:
        return
    cell = bench.run_cell(_PROBE, purpose="does the command run", timeout_s=settings.limits.probe_timeout_s + 5)
    for record in cell.records("probe"):
        words = str(record.get("stderr", "")).strip()
        if record.get("exit_code") in (126, 127) or (record.get("exit_code") == 2 and "can't open file" in words):
            raise CommandMissing(settings.run, words[-300:])


def _finding(
    question: str,
    settings: Settings,
    journal: Journal,
    bench: Bench,
    judgement: Judgement,
    cost: Cost,
    provenance: dict[str, Any],
) -> Finding:
    """The record: what was concluded, what the checks made of it, and what is kept of the cells."""
    conclusion = judgement.conclusion
    captions = conclusion.captions
    code = bench.code if settings.keep_code else {}
    evidence = tuple(
        evidence_of(cell, captions[cell.id], code.get(cell.id, "")) for cell in bench.all_cells if cell.id in captions
    )
    symptom = replace(conclusion.symptom, code="") if settings.discard_all else conclusion.symptom
    box = {
        "box": {"settings": bench.applied, "not enforced": list(bench.unenforced), "bad messages": bench.bad_messages}
    }
    stopped = (f"It stopped early: {conclusion.stopped}.",) if conclusion.stopped else ()
    return Finding(
        id=journal.id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        question=question,
        run=settings.run,
        verdict=judgement.verdict,
        answer=conclusion.answer,
        suspects=conclusion.suspects,
        symptom=symptom,
        checks=judgement.checks,
        evidence=evidence,
        hypotheses=conclusion.hypotheses,
        intervention=conclusion.intervention,
        limits=(*stopped, *conclusion.limits),
        by=conclusion.by,
        provenance=provenance | box,
        cost=cost,
        discarded=discarded_code(tuple(bench.all_cells)),
    )


def _tree_check(snapshot: Snapshot) -> dict[str, Any]:
    """The hash of the user's tree before and after: equal when nothing of it was written."""
    after = snapshot.tree_hash_now()
    return {"tree": {"before": snapshot.tree_hash, "after": after, "unchanged": after == snapshot.tree_hash}}


def archive_of(settings: Settings) -> Archive:
    """Where findings of this repository are kept."""
    if settings.archive is not None:
        return Archive.in_repository(settings.repository, settings.archive)
    return Archive.of_user(settings.data_dir, settings.repository)
