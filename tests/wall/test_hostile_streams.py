"""Whatever a box sends, the host grows by less than 50 MB, and one that speaks out of turn is ended."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from debugbox.engines import Engine
from tests.conftest import ROOT, plain_environment
from tests.wall.hostile_host import STREAMS

GROWTH_MIB = 50
# These end by the cell's time: each message is within its limits, there is only no end of them.
PATIENT = {
    "a line without end", "much text", "wide text", "control characters", "many small outputs", "few numbers, often",
    "background", "images that are none", "images that are some", "refusals",
}  # fmt: skip


def host_of(name: str, timeout_s: float = 3) -> dict[str, Any]:
    program = Path(__file__).with_name("hostile_host.py")
    command = [sys.executable, str(program), name, str(timeout_s)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    ended: dict[str, Any] = json.loads(done.stdout)
    return ended


@pytest.mark.parametrize("name", STREAMS)
def test_the_host_stays_small_and_goes_on(name: str) -> None:
    ended = host_of(name)
    assert ended["grown_mib"] < GROWTH_MIB
    if name in PATIENT:
        assert "did not end the cell at its limit" in ended["ended"] and ended["bad"] == 0
    elif name == "a frame without end":
        assert "a frame over its limit" in ended["ended"]
    else:  # over 100 messages, or not that many in the time of a loaded machine
        assert "out of turn 101 times" in ended["ended"] or 10 < ended["bad"] <= 100
    assert ended["took_s"] < 10


PRINTS_A_GIGABYTE = """
import json, sys
from pathlib import Path
from debugbox.box import BoxContext, Boxes
from debugbox.engines import Environment
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.settings import Limits, Settings
from debugbox.snapshot import take_snapshot

def memory_kib(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

name, reference, repository = sys.argv[1:]
settings = Settings(repository=Path(repository))
engine = DockerEngine.connect() if name == "docker" else BubblewrapEngine(settings.cache_dir)
environment = Environment(key="k", engine=name, reference=reference, python="3")
snapshot = take_snapshot(settings.repository, Limits())
boxes = Boxes(engine=engine, environment=environment, snapshot=snapshot, limits=Limits(), context=BoxContext())
with boxes.open() as box:
    box.run_cell("1", id=1, purpose="idle", timeout_s=20)
    idle = memory_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts afresh
    code = "line = 'x' * 1023 + '\\\\n'\\nimport sys\\nfor _ in range(1 << 20): sys.stdout.write(line)\\nprint('end')"
    cell = box.run_cell(code, id=2, purpose="print", timeout_s=300)
    grown = (memory_kib("VmHWM") - idle) / 1024
printed = [output for output in cell.outputs if output.name == "stdout"]
text = "".join(output.text for output in printed)
print(json.dumps({
    "status": cell.status, "tail": text[-4:], "kept": len(text), "dropped": sum(each.dropped for each in printed),
    "grown": grown,
}))
"""


def test_a_gigabyte_of_print_costs_the_host_nothing(engine: Engine, repository: Path) -> None:
    reference = plain_environment(engine).reference
    command = [sys.executable, "-c", PRINTS_A_GIGABYTE, engine.name, reference, str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=400)
    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout)
    assert ended["status"] == "ok" and ended["tail"] == "end\n" and ended["kept"] <= (1 << 20) + 1000
    assert ended["dropped"] > 1 << 29 and ended["grown"] < GROWTH_MIB
