"""Runs `debugbox --no-model` on a case, as a person would, and the baselines beside it. Results are kept at once."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from debugbox.engines import Engine
from tests.bugs.boxed import box_of, measured_in, options_of
from tests.bugs.cases import Case
from tests.bugs.releases import NotFetched, lay_out
from tests.bugs.scoring import BASELINES, score_finding
from tests.conftest import ROOT

HARD_LIMIT_S = 1500.0
_BASELINE_S = 60.0


class Results:
    """A JSON file: one entry a case and engine. What was made by this very code is not run again."""

    def __init__(self, path: Path) -> None:
        self.path, self.code = path, _hash_of_code()
        self.entries: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}

    def has(self, case: Case, engine: str) -> bool:
        entry = self.entries.get(f"{case.name} {engine}", {})
        return entry.get("code") == self.code and "score" in entry

    def keep(self, case: Case, engine: str, entry: Mapping[str, Any]) -> None:
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        load = round(os.getloadavg()[0], 1)
        said = {
            "case": case.name,
            "recipe": case.recipe,
            "engine": engine,
            "code": self.code,
            "when": when,
            "load": load,
        }
        self.entries[f"{case.name} {engine}"] = {**said, **entry}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.entries, indent=1, sort_keys=True) + "\n")
        part.replace(self.path)


def _hash_of_code() -> str:
    """Of everything that a result depends on, the cases included."""
    digest = hashlib.sha256()
    for folder in ("debugbox", "kernels", "recipes", "sandbox", "tests/bugs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".md", ".toml") and path.is_file():
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def run_case(case: Case, engine: Engine, *, by_name: bool = False, which: str = "buggy") -> dict[str, Any]:
    """The entry of one case: its score and time, the finding in short, the baselines. Never raises for a bad ending."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            repository = lay_out(case, which, Path(scratch) / case.package)
        except NotFetched as error:
            return {"error": str(error)}
        _warm_up(case, repository, engine)
        finding, took = _ask(case, repository, engine.name, by_name, Path(scratch))
        if "verdict" not in finding:
            return {"error": finding["error"], "seconds": took}
        baselines = _baselines(case, repository, engine) if which == "buggy" else {}
    score = score_finding(case, finding).to_plain()
    return {"score": score, "seconds": took, "baselines": baselines, **_short(finding)}


def _warm_up(case: Case, repository: Path, engine: Engine) -> None:
    """The environment is built before the clock starts: that is once per repository, not per question."""
    with box_of(case, repository, engine) as box:
        box.run_cell("1", id=1, purpose="warm up", timeout_s=60)


def _ask(case: Case, repository: Path, engine: str, by_name: bool, scratch: Path) -> tuple[dict[str, Any], float]:
    """The finding, or why there is none, and what it took."""
    command = [sys.executable, "-P", "-m", "debugbox", "ask", "--repo", str(repository), "--no-model"]
    command += ["--engine", engine, "--json", "--quiet", *options_of(case), case.question]
    command += ["--recipe", case.recipe] if by_name else []
    folders = {f"DEBUGBOX_{name}_DIR": str(scratch / name) for name in ("DATA", "STATE")}
    began = time.monotonic()
    try:
        done = subprocess.run(
            command, env={**os.environ, **folders, "PYTHONPATH": str(ROOT)}, timeout=HARD_LIMIT_S,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=scratch,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {HARD_LIMIT_S:g} s"}, HARD_LIMIT_S
    took = round(time.monotonic() - began, 1)
    try:
        return json.loads(done.stdout), took
    except ValueError:
        return {"error": f"exit code {done.returncode}: {done.stderr.strip()[-400:]}"}, took


def _baselines(case: Case, repository: Path, engine: Engine) -> dict[str, Any]:
    kinds = BASELINES.get(case.recipe, ())
    if not kinds:
        return {}
    command = case.run or "python -m pytest -q"
    with box_of(case, repository, engine) as box:
        call = f"baselines({command!r}, {kinds!r}, {_BASELINE_S!r})"
        return measured_in(box, call, timeout_s=_BASELINE_S * (len(kinds) + 1))


def _short(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Of the finding, what helps to understand a score."""
    places = [f"{each['file']}:{each['line']} {each.get('function', '')}" for each in finding["suspects"]]
    checks = {each["name"]: f"{each['result']}: {each['why']}"[:300] for each in finding["checks"]}
    return {"answer": finding["answer"][:1200], "suspects": places, "checks": checks, "limits": finding["limits"][:8]}
