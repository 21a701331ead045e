"""Commands that put a finding against history: `bisect` and `since`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debugbox.commands.common import archive_of, engine_option, id_argument, repository_option, settings_of

if TYPE_CHECKING:
    from debugbox.bisection import Bisected
    from debugbox.finding import Finding
    from debugbox.render.live import View
    from debugbox.settings import Settings

NOT_FOUND = 14


@click.command("bisect")
@id_argument
@repository_option
@click.option("--good", help="A revision known not to have it; else it is looked for.")
@click.option("--bad", default="HEAD", show_default=True, help="A revision that has it.")
@engine_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def bisect_command(
    id: str, repository: Path, good: str | None, bad: str, engine: str | None, as_json: bool, quiet: bool
) -> None:
    """Find the commit that introduced a finding, by its symptom. First parents only; your tree is not touched.

    \b
    Exit codes: 0 found, 14 not found (--bad does not show it, or it cannot be run there).
    """
    from debugbox.render.live import View

    settings = settings_of(repository, {"engine": engine})
    finding = archive_of(settings).load(id)
    found = _bisect(finding, settings, good, bad, View(sys.stderr, quiet=quiet))
    click.echo(_bisected_json(finding, found) if as_json else _bisected_text(found, settings, bad))
    sys.exit(0 if found.first else NOT_FOUND)


def _bisect(finding: "Finding", settings: "Settings", good: str | None, bad: str, view: "View") -> "Bisected":
    from debugbox.bisection import bisect
    from debugbox.choose import choose_engine
    from debugbox.revision import commit_of, commits_between
    from debugbox.verification import Outcome, open_tree, verify

    engine = choose_engine(settings, view.note)
    root = settings.repository
    older = commit_of(root, good) if good else None
    commits = ([older] if older else []) + commits_between(root, older, commit_of(root, bad))

    def ask(commit: str) -> Outcome:
        with view.step("bisect", commit[:10]) as step, open_tree(settings, engine, view.note, commit) as tree:
            done = verify(finding, tree, engine, settings)
            step.result(f"{commit[:10]} {done.outcome}: {done.why}")
        return done.outcome

    return bisect(commits, ask)


def _bisected_text(found: "Bisected", settings: "Settings", bad: str) -> str:
    from debugbox.foreign import clean_line
    from debugbox.revision import describe_commits

    if found.first is None:
        return f"{bad} does not show it, so there is nothing to search. `debugbox verify` says more."
    (commit,) = describe_commits(settings.repository, "-1", found.first, "--")
    named = f"{commit.id[:10]} of {commit.date}: {clean_line(commit.subject)}"
    if found.last_good is None:
        lines = [f"No commit without it was found; the oldest that is known to show it is {named}"]
    else:
        lines = [f"Introduced by {named}", f"  the last without it is {found.last_good[:10]}"]
    if found.between:
        lines[0] = lines[0].replace("Introduced by", "Introduced at the latest by")
        lines.append(f"  cannot be run on the {len(found.between)} commits before it: it may be one of them")
    return "\n".join([*lines, f"  {found.asked} commits were tried"])


def _bisected_json(finding: "Finding", found: "Bisected") -> str:
    plain = {
        "id": finding.id,
        "first": found.first,
        "last_good": found.last_good,
        "between": list(found.between),
        "asked": found.asked,
    }
    return json.dumps(plain, indent=2)


@click.command()
@id_argument
@repository_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def since(id: str, repository: Path, as_json: bool) -> None:
    """What has become of a finding's lines since it was made, and which commits touched their files."""
    from debugbox.since import changes_since

    settings = settings_of(repository, {})
    changes = changes_since(archive_of(settings).load(id), settings)
    plain: list[dict[str, Any]] = [change.as_plain() for change in changes]
    click.echo(json.dumps({"lines": plain}, indent=2) if as_json else "\n\n".join(map(str, changes)))
