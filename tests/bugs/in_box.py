"""Runs in the box, as a cell: the symptom's check, and baselines that a person has without any recipe.

A baseline is a list of `[file, function]`, best first, with equal ones together in a list of their own.
"""

import collections
import json
import math
import pathlib
import re
import shlex
import sys

import debugbox_kernel as box
from debugbox_recipes import suspects

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_PATH = re.compile(r"^((?:[\w.-]+/)*[\w.-]+\.py):(\d+): ", re.MULTILINE)
_OURS = re.compile(r"(^|/)(tests?/|test_[^/]*\.py$|conftest\.py$|check\.py$|run\.py$|run_\w+\.py$)")
_PROFILE = "/tmp/bugs.profile"
_TRACER = """
import atexit, json, runpy, sys, tracemalloc

def dump():
    found = tracemalloc.take_snapshot().statistics("lineno")[:2000]
    json.dump([(s.traceback[0].filename, s.traceback[0].lineno, s.size) for s in found], open("/tmp/bugs.memory", "w"))

atexit.register(dump)
sys.argv = sys.argv[1:]
sys.path[0] = ""
tracemalloc.start()
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def check(command, limit_s):
    """How the command ends."""
    done = box.run(command, timeout_s=limit_s)
    tail = (done.stdout + done.stderr).strip()[-600:]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", tail)
    box.report("measurement", {"exit_code": done.exit_code, "timed_out": done.timed_out, "tail": plain})


def baselines(command, kinds, limit_s):
    """Each ranking asked for, or why there is none."""
    found = {}
    for kind in kinds:
        try:
            found[kind] = _BASELINES[kind](command, limit_s)
        except Exception as error:  # noqa: BLE001 (whatever the program did: then this ranking is not there)
            found[kind] = {"none": f"{type(error).__name__}: {error}"[:300]}
    box.report("measurement", found)


def _traceback(command, limit_s):
    """The innermost frame of the repository first; the reproduction and tests last of all."""
    done = box.run(command, timeout_s=limit_s, env={"PYTEST_ADDOPTS": "--tb=native", "PYTHONFAULTHANDLER": "1"})
    text = done.stdout + "\n" + done.stderr
    at = [(path, int(line)) for path, line in _FRAME.findall(text) or _PATH.findall(text)]
    return _functions(reversed(at))


def _ochiai(command, limit_s):
    """Functions by their most suspicious line: the formula and nothing else."""
    ranking = _ranking()
    run = suspects._module().Running(suspects._module().program_of(box, command), limit_s)
    done = run.command(command, limit_s=limit_s) if command else run.tests([], limit_s=limit_s)
    if len(done.passing) < 1 and done.under_pytest:
        done = run.tests([], limit_s=limit_s)
    seen = ranking.spectrum(done.failing, done.passing)
    sources, worst = ranking.Sources(pathlib.Path(box.repo)), {}
    for line in seen.failed:
        key = (line[0], sources.function_at(*line)[0])
        worst[key] = max(worst.get(key, 0.0), seen.ochiai(line))
    return _by_score(worst)


def _cprofile(command, limit_s):
    """Functions of the repository by their own time."""
    import pstats

    words = shlex.split(command)
    box.run(shlex.join([words[0], "-m", "cProfile", "-o", _PROFILE, *words[1:]]), timeout_s=limit_s)
    times = {}
    for (file, line, _), (_, _, own, _, _) in pstats.Stats(_PROFILE).stats.items():
        spot = _spot(file, line)
        if spot:
            times[spot] = times.get(spot, 0.0) + own
    return _by_score(times)


def _tracemalloc(command, limit_s):
    """Functions of the repository by the memory that is allocated there when the program ends."""
    pathlib.Path("/tmp/bugs_tracer.py").write_text(_TRACER)
    words = shlex.split(command)
    box.run(shlex.join([words[0], "/tmp/bugs_tracer.py", *words[1:]]), timeout_s=limit_s)
    sizes = collections.Counter()
    for file, line, size in json.loads(pathlib.Path("/tmp/bugs.memory").read_text()):
        spot = _spot(file, line)
        if spot:
            sizes[spot] += size
    return _by_score(sizes)


_BASELINES = {"traceback": _traceback, "ochiai": _ochiai, "cprofile": _cprofile, "tracemalloc": _tracemalloc}


def _spot(file, line):
    """(file, function) in the repository, or None for what is not the project's own code."""
    path = pathlib.Path(box.repo, file)
    try:
        name = path.relative_to(box.repo).as_posix()
    except ValueError:
        return None
    if not path.is_file() or _OURS.search(name):
        return None
    return name, _ranking().Sources(pathlib.Path(box.repo)).function_at(name, line)[0]


def _ranking():
    suspects._module()
    return sys.modules["debugbox_recipe_suspects.ranking"]


def _functions(places):
    spots = [_spot(file, line) for file, line in places]
    return [[list(spot)] for spot in dict.fromkeys(filter(None, spots))]


def _by_score(scores):
    groups = collections.defaultdict(list)
    for spot, score in scores.items():
        if score > 0 and not math.isnan(score):
            groups[round(score, 9)].append(list(spot))
    return [sorted(groups[score]) for score in sorted(groups, reverse=True)][:40]
