"""Lines are seen test by test on every interpreter, and the traps of `sys.monitoring` do not catch us."""

import subprocess
import sys
import textwrap

import pytest

from .conftest import PYENV, RECIPES

NEWEST = PYENV / "3.13.0" / "bin" / "python"
needs_monitoring = pytest.mark.skipif(not NEWEST.exists(), reason="no interpreter with sys.monitoring is installed")
PROGRAM = """
import sys
sys.path.insert(0, {recipes!r})
from debugbox_recipes.linehits import line_hits
SOURCE = '''
import math
def first(x):
    if x:
        return 1
    return 2
class Box:
    size = 3
    def grow(self):
        return self.size + 1
'''
code = compile(SOURCE, "prog.py", "exec")
"""


def run(python: str, body: str) -> str:
    source = PROGRAM.format(recipes=str(RECIPES)) + textwrap.dedent(body)
    done = subprocess.run([python, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SEEN = """
hits = line_hits(); hits.start(); hits.add(code, "prog.py")
names = {}; exec(code, names)
def taken():
    return sorted({line for _, line in hits.take()})
print(taken()); names["first"](1); print(taken())
names["first"](1); names["Box"]().grow(); print(taken()); print(taken())
"""


def test_lines_of_functions_are_seen_again_for_each_test_and_module_lines_never(python: str) -> None:
    assert run(python, SEEN).splitlines() == ["[]", "[4, 5]", "[4, 5, 10]", "[]"]


@needs_monitoring
def test_a_disable_of_an_earlier_tool_hides_nothing() -> None:
    """DISABLE survives free_tool_id: without restart_events at the start, nothing would be seen."""
    body = """
    monitoring = sys.monitoring
    names = {}; exec(code, names)
    monitoring.use_tool_id(4, "earlier")
    monitoring.register_callback(4, monitoring.events.LINE, lambda code, line: monitoring.DISABLE)
    monitoring.set_local_events(4, names["first"].__code__, monitoring.events.LINE)
    names["first"](1)
    monitoring.set_local_events(4, names["first"].__code__, 0)
    monitoring.free_tool_id(4)
    hits = line_hits(); hits.add(code, "prog.py"); hits.start()
    for constant in code.co_consts:
        if hasattr(constant, "co_name"): hits.watch(constant)
    names["first"](1)
    print(sorted({line for _, line in hits.take()}))
    """
    assert run(str(NEWEST), body) == "[4, 5]"


@needs_monitoring
def test_a_taken_tool_is_gone_around_and_all_taken_is_told() -> None:
    body = """
    sys.monitoring.use_tool_id(4, "coverage")
    hits = line_hits(); hits.start(); hits.add(code, "prog.py")
    names = {}; exec(code, names); names["first"](0)
    print(sorted({line for _, line in hits.take()}), repr(hits.error))
    other = line_hits(); other.start(); print(other.error)
    """
    seen, told = run(str(NEWEST), body).splitlines()
    assert seen == "[4, 6] ''"
    assert told == "no line was seen: coverage, debugbox hold the monitoring tools"


@needs_monitoring
def test_an_exception_in_the_callback_stays_out_of_the_program() -> None:
    body = """
    hits = line_hits(); hits.start(); hits.add(code, "prog.py")
    names = {}; exec(code, names)
    hits._codes.clear()
    print(names["first"](1), hits.error.split(":")[0])
    """
    assert run(str(NEWEST), body) == "1 a line was missed"


def test_code_objects_are_held_so_that_no_id_is_used_twice(python: str) -> None:
    body = """
    import gc
    hits = line_hits(); hits.start()
    for n in range(200):
        hits.add(compile(f"def f{n}():\\n    return {n}\\n", "cell", "exec"), f"cell{n}")
        gc.collect() if n % 50 == 0 else None
    print(len(set(hits._codes)), len(hits.files))
    """
    assert run(python, body) == "200 200"


def test_a_tracer_that_another_tool_took_away_is_told() -> None:
    body = """
    from debugbox_recipes.linehits import TracedLines
    hits = TracedLines(); hits.start(); hits.add(code, "prog.py")
    sys.settrace(None)
    hits.take()
    print(hits.error)
    """
    assert "another tool traces the program" in run(sys.executable, body)
