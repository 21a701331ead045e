"""`python -m tests.bugs verify | run | show`: the cases' symptoms, the recipes on them, the tables again.

Names of cases or of recipes choose among them.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from debugbox.engines import Engine
from tests.bugs.boxed import engine_called
from tests.bugs.cases import Case, read_cases
from tests.bugs.running import Results, run_case
from tests.bugs.tables import case_lines, failures, recipe_lines
from tests.bugs.verifying import verify_case
from tests.conftest import ROOT


def main(arguments: list[str]) -> int:
    given = _parser().parse_intermixed_args(arguments)
    cases = read_cases(given.names)
    if given.what == "verify":
        return _verify(cases, engine_called(given.engine))
    results = Results(given.results)
    if given.what == "run":
        _run(cases, engine_called(given.engine), results, given)
    return _show(cases, given.engine, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bugs", description=__doc__)
    parser.add_argument("what", choices=["verify", "run", "show"])
    parser.add_argument("names", nargs="*", metavar="CASE or RECIPE")
    parser.add_argument("--engine", choices=["docker", "bubblewrap"], default="bubblewrap")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "bench-recipes.json")
    parser.add_argument("--again", action="store_true", help="run what has a result already, too")
    parser.add_argument("--by-name", action="store_true", help="name the recipe instead of leaving it to the routing")
    parser.add_argument("--fixed", action="store_true", help="the fixed releases: nothing should be named confirmed")
    return parser


def _verify(cases: list[Case], engine: Engine) -> int:
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        for case in cases:
            problems = verify_case(case, engine, Path(scratch))
            bad += bool(problems)
            print(f"{'BAD' if problems else 'ok '} {case.name}: {'; '.join(problems) or case.fix}", flush=True)
    print(f"{len(cases) - bad} of {len(cases)} cases hold")
    return 1 if bad else 0


def _run(cases: list[Case], engine: Engine, results: Results, given: argparse.Namespace) -> None:
    for number, case in enumerate(cases, 1):
        if results.has(case, engine.name) and not given.again:
            continue
        entry = run_case(case, engine, by_name=given.by_name, which="fixed" if given.fixed else "buggy")
        results.keep(case, engine.name, entry)
        score = entry.get("score")
        said = f"{score['verdict']}, function {score['function']}, {score['by']}" if score else entry["error"]
        print(
            f"{number}/{len(cases)} {case.name}: {said} ({entry.get('seconds', 0):.0f} s)", file=sys.stderr, flush=True
        )


def _show(cases: list[Case], engine: str, results: Results) -> int:
    keys = [f"{case.name} {engine}" for case in cases]
    entries = [results.entries[key] for key in keys if key in results.entries]
    print("\n".join(case_lines(entries)), end="\n\n")
    print("\n".join(recipe_lines(entries, {case.name: case for case in cases})), end="\n\n")
    missed = failures(entries)
    print("\n".join(missed) or "all bars are met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
