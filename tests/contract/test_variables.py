"""Requirement: of the host's variables a box has those that its user named, and no other."""

import json
from dataclasses import replace

import pytest

from debugbox.box import Boxes


def test_a_named_variable_is_in_the_kernel_and_its_commands_and_no_other_is(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_HOST", "x")
    given = {"STATION": "north-7", "TZ": "Asia/Tokyo", "HOME": "/evil", "PATH": "/opt/tools"}
    passing = replace(boxes, environment=replace(boxes.environment, variables=given))
    code = (
        "import json, os, debugbox_kernel as box\n"
        "names = ('STATION', 'TZ', 'HOME', 'PATH', 'OF_THE_HOST')\n"
        "print(json.dumps([[os.environ.get(name) for name in names], box.run('echo $STATION').stdout, box.context]))\n"
    )
    with passing.open() as box:
        values, said, context = json.loads(box.run_cell(code, id=1, purpose="", timeout_s=30).outputs[0].text)
    station, zone, home, path, foreign = values
    assert (station, zone, home, foreign) == ("north-7", "Asia/Tokyo", "/home/box", None) and said == "north-7\n"
    assert path.startswith("/opt/box/repo/bin:") and path.endswith(":/opt/tools")
    assert "variables" not in context
