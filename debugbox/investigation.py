"""The main path: snapshot, environment, box, agent or recipe, checks, finding. Read it top to bottom."""

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from debugbox.agent import Agent, AgentLimits
from debugbox.archive import Archive, Kept
from debugbox.bench import Bench
from debugbox.box import BoxContext, Boxes
from debugbox.checks import Checks, Judgement
from debugbox.engines import Engine
from debugbox.environment import import_roots, prepare_environment
from debugbox.errors import CommandMissing, EmptyQuestion, NoPython
from debugbox.finding import Cell, Conclusion, Cost, Finding
from debugbox.journal import Journal, discarded_code, evidence_of
from debugbox.lint import lint
from debugbox.model import AnthropicModel
from debugbox.provenance import provenance_of
from debugbox.recipes import RecipeInvestigator, choose_recipe, read_cards
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot, take_snapshot

_PROBE = "import debugbox_kernel as box\nbox.probe()\n"


class Step(Protocol):
    """A step that is running: what it does now, and what its last line will say."""

    def update(self, text: str) -> None: ...
    def result(self, text: str) -> None: ...


class View(Protocol):
    """What the main path tells the terminal while it goes."""

    def step(self, name: str, detail: str = "") -> AbstractContextManager[Step]: ...
    def activity(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def on_event(self, name: str, /, **data: Any) -> None: ...


def investigate(question: str, settings: Settings, *, engine: Engine, model: AnthropicModel | None, view: View) -> Kept:
    """Answer one question about one repository; what remains is the archived finding.

    Raises:
        DebugboxError: something that makes an investigation impossible, before it has begun. From then
            on every ending (a spent limit, Ctrl-C, a dead box, a lost network) is a finding.
    """
    if not question.strip():
        raise EmptyQuestion
    began = time.monotonic()
    with view.step("snapshot") as step:
        snapshot = take_snapshot(settings.repository, settings.limits, settings.exclude)
        step.result(_describe_snapshot(snapshot))
    if not snapshot.python_files and model is None:
        raise NoPython(settings.repository, len(snapshot.files))
    with view.step("environment", engine.name) as step:
        environment = prepare_environment(snapshot, engine, settings, step.update)
        step.result(f"Python {environment.python}, {len(environment.packages)} packages")
    for note in environment.notes:
        view.note(note)

    context = BoxContext(run=settings.run, question=question, import_roots=import_roots(snapshot))
    boxes = Boxes(engine=engine, environment=environment, snapshot=snapshot, limits=settings.limits, context=context)
    provenance = provenance_of(snapshot, environment, engine, settings, model)
    with (
        Journal.open(
            settings.state_dir,
            question=question,
            run=settings.run,
            repository=settings.repository,
            provenance=provenance,
        ) as journal,
        Bench(boxes, journal, view) as bench,
    ):
        with view.step("box", engine.describe()):
            bench.warm_up()
        _probe_command(settings, bench)
        conclusion, cost = _investigator(question, settings, snapshot, bench, model, view)
        bench.close()
        journal.conclusion(conclusion)

        checks_s = max(settings.limits.checks_time_s, settings.limits.max_time_s - (time.monotonic() - began))
        judgement = _judge(conclusion, settings, boxes, bench, view, checks_s)
        cost = replace(cost, duration_s=round(time.monotonic() - began, 3), cells=len(bench.cells))
        finding = _finding(question, settings, journal, bench, judgement, cost, provenance)
        finding = replace(finding, provenance=finding.provenance | _tree_check(snapshot))
        kept = archive_of(settings).keep(finding)
        journal.finished()
    return kept


def _investigator(
    question: str, settings: Settings, snapshot: Snapshot, bench: Bench, model: AnthropicModel | None, view: View
) -> tuple[Conclusion, Cost]:
    """Who looks: the agent where there is a model, else the recipe that fits."""
    limits = settings.limits
    if model is None:
        card, reason = choose_recipe(question, settings.recipe)
        recipe = RecipeInvestigator(card, reason, bench, timeout_s=limits.recipe_timeout_s, note=view.note)
        return recipe.run(question, settings.run), Cost()
    agent = Agent(
        model,
        bench,
        limits=AgentLimits(
            max_cost_usd=limits.max_cost_usd,
            max_turns=limits.max_turns,
            max_time_s=limits.max_time_s - limits.checks_time_s,
            cell_timeout_s=limits.cell_timeout_s,
            recipe_timeout_s=limits.recipe_timeout_s,
        ),
        on_event=view.on_event,
        cards=[card.one_line for card in read_cards()],
    )
    conclusion = agent.run(
        question,
        lint=lambda conclusion: lint(conclusion, snapshot, bench.cells),
        run=settings.run or "",
        overview=overview_of(snapshot),
    )
    return conclusion, agent.cost()


def _judge(
    conclusion: Conclusion, settings: Settings, boxes: Boxes, bench: Bench, view: View, time_s: float
) -> Judgement:
    if not settings.checks:
        return Judgement(
            verdict="suspected" if conclusion.suspects else "inconclusive", checks=(), conclusion=conclusion
        )
    with view.step("checks") as step:
        judgement = Checks(boxes, bench, time_s=time_s, on_check=step.update).judge(conclusion)
        step.result(", ".join(f"{check.name} {check.result}" for check in judgement.checks))
    return judgement


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
    evidence = tuple(evidence_of(cell, captions[cell.id]) for cell in bench.cells if cell.id in captions)
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
        discarded=discarded_code(tuple(bench.cells)),
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


def _describe_snapshot(snapshot: Snapshot) -> str:
    parts = [f"{len(snapshot.files)} files, {_size(snapshot.size_bytes)}"]
    if snapshot.commit:
        parts.append(f"at {snapshot.commit[:10]}")
    if snapshot.dirty:
        parts.append(f"{len(snapshot.dirty)} changed")
    if snapshot.skipped:
        parts.append(f"{len(snapshot.skipped)} left out")
    return ", ".join(parts)


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{count / 1024:.1f} KiB"


def overview_of(snapshot: Snapshot, most: int = 150) -> str:
    """What the model gets to see of the repository at first: names only, the rest it can read in the box."""
    shown = [path for path in snapshot.files if not path.startswith(".")][:most]
    more = len(snapshot.files) - len(shown)
    return "\n".join(shown) + (f"\n({more} more files)" if more > 0 else "")
