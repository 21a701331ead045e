"""`debugbox verify`: is a finding still so?"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debugbox.commands.common import archive_of, complete_id, engine_option, repository_option, settings_of

if TYPE_CHECKING:
    from debugbox.finding import Finding
    from debugbox.render.live import View
    from debugbox.settings import Settings
    from debugbox.verification import Verification

GONE, PRESENT, CANNOT_RUN = 0, 10, 14


@click.command("verify")
@click.argument("id", required=False, shell_complete=complete_id)
@repository_option
@click.option("--rev", "revision", help="On this commit, branch or tag, instead of the working tree.")
@click.option("--all", "every", is_flag=True, help="All findings that keep a symptom.")
@engine_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def verify_command(
    id: str | None, repository: Path, revision: str | None, every: bool, as_json: bool, quiet: bool, engine: str | None
) -> None:
    """Run a finding's symptom again, in three fresh boxes; while it is present, its intervention too. No model.

    \b
    Exit codes: 0 gone, 10 still present (with --all: any is), 14 cannot be run (and none is present).
    """
    from debugbox.render.live import View

    if (id is None) != every:
        raise click.UsageError("Name a finding, or say --all.")
    settings = settings_of(repository, {"engine": engine})
    findings = _with_symptom(settings) if id is None else [archive_of(settings).load(id)]
    done = _verify_all(findings, settings, revision, View(sys.stderr, quiet=quiet)) if findings else []
    click.echo(_as_json(done) if as_json else _as_text(done))
    sys.exit(exit_code(done))


def exit_code(done: Sequence["Verification"]) -> int:
    """The worst there is: present before cannot run before gone."""
    outcomes = {each.outcome for each in done}
    return PRESENT if "present" in outcomes else CANNOT_RUN if "cannot run" in outcomes else GONE


def _with_symptom(settings: "Settings") -> list["Finding"]:
    entries = archive_of(settings).list_findings().entries
    return [entry.finding for entry in entries if entry.finding.symptom.code]


def _verify_all(
    findings: list["Finding"], settings: "Settings", revision: str | None, view: "View"
) -> list["Verification"]:
    from debugbox.choose import choose_engine
    from debugbox.verification import open_tree, verify

    engine = choose_engine(settings, view.note)
    done = []
    with open_tree(settings, engine, view.note, revision) as tree:
        for finding in findings:
            with view.step("verify", finding.id) as step:
                done.append(verify(finding, tree, engine, settings))
                step.result(f"{finding.id} {done[-1].outcome}")
    return done


def _as_text(done: Sequence["Verification"]) -> str:
    from debugbox.foreign import clean_line

    lines = [] if done else ["No finding keeps a symptom that could be run."]
    for each in done:
        lines.append(f"{each.finding.id}  {each.outcome.upper()} on {each.tree}: {clean_line(each.finding.question)}")
        lines.append(f"  {clean_line(each.why)}")
        lines += [f"  {check.name} {check.result}: {clean_line(check.why)}" for check in each.checks[1:]]
    return "\n".join(lines)


def _as_json(done: Sequence["Verification"]) -> str:
    return json.dumps({"verifications": [as_plain(each) for each in done]}, indent=2)


def as_plain(done: "Verification") -> dict[str, Any]:
    """A verification as JSON data: its keys are stable."""
    from debugbox.finding import to_plain
    from debugbox.foreign import cleaned

    plain = {
        "id": done.finding.id,
        "question": done.finding.question,
        "tree": done.tree,
        "outcome": done.outcome,
        "why": done.why,
        "checks": [to_plain(check) for check in done.checks],
    }
    return cleaned(plain)
