"""Requirement: commits that were asked for are in the box, with a git that reads them, and nothing else of `.git`."""

from dataclasses import replace
from pathlib import Path

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.environment import prepare_environment
from debugbox.listing import choice_of
from debugbox.settings import Settings
from debugbox.snapshot import take_snapshot
from tests.conftest import git


def test_git_in_the_box_reads_the_commits_since_a_good_one(engine: Engine, repository: Path) -> None:
    for number in range(3):
        (repository / "app.py").write_text(f"number = {number}\n")
        git(repository, "commit", "-qam", f"commit {number}")
    git(repository, "remote", "add", "origin", "https://user:hunter2@example.org/x")
    settings = replace(Settings(repository=repository), good="HEAD~1", dependencies=False)
    snapshot = take_snapshot(repository, settings.limits, choice=choice_of(settings))
    environment = prepare_environment(snapshot, engine, settings, lambda line: None)
    boxes = Boxes(
        engine=engine, environment=environment, snapshot=snapshot, limits=settings.limits, context=BoxContext()
    )
    code = (
        "import debugbox_kernel as box\nprint(box.run('git log --format=%s && git status --short && git remote -v && "
        "git describe --tags && git blame -s app.py && git diff --stat debugbox-good HEAD').stdout)"
    )
    try:
        with boxes.open() as box:
            said = box.run_cell(code, id=1, purpose="", timeout_s=30).outputs[0].text
    finally:
        for each in engine.environments():  # type: ignore[attr-defined]  # both engines have it
            if environment.key[:12] in each.name and environment.engine == "docker":
                each.remove()
    assert said.startswith("commit 2\ncommit 1\ndebugbox-good-1-g") and "number = 2" in said
    assert "1 file changed" in said and "hunter2" not in said and "commit 0" not in said
