"""Requirement: a repository's set-up command runs in a box without network, and what it makes is in every box after."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.environment import prepare_environment
from debugbox.errors import SetupFailed
from debugbox.setting_up import set_up
from debugbox.settings import Limits, Settings, resolve_settings
from debugbox.snapshot import Snapshot, take_snapshot
from tests.conftest import git, plain_environment

PYPROJECT = """
[project]
name = "sums"
version = "1.0"
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.debugbox]
setup = "python setup.py build_ext --inplace"
"""
SETUP = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('fastsum', ['fastsum.c'])])\n"
SOURCE = """
#include <Python.h>
static PyObject *add(PyObject *self, PyObject *arguments) {
    long a, b;
    if (!PyArg_ParseTuple(arguments, "ll", &a, &b)) return NULL;
    return PyLong_FromLong(a + b);
}
static PyMethodDef methods[] = {{"add", add, METH_VARARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fastsum", "", -1, methods};
PyMODINIT_FUNC PyInit_fastsum(void) { return PyModule_Create(&module); }
"""


def boxes_on(engine: Engine, snapshot: Snapshot, settings: Settings) -> Boxes:
    return Boxes(
        engine=engine,
        environment=plain_environment(engine),
        snapshot=snapshot,
        limits=settings.limits,
        context=BoxContext(),
    )


def said(boxes: Boxes, code: str) -> str:
    with boxes.open() as box:
        return "".join(output.text for output in box.run_cell(code, id=1, purpose="", timeout_s=30).outputs)


def settings_of(folder: Path, **changes: Any) -> Settings:
    return replace(Settings(repository=folder), **changes)


def test_a_c_extension_is_built_and_imported(engine: Engine, tmp_path: Path) -> None:
    for name, content in {"pyproject.toml": PYPROJECT, "setup.py": SETUP, "fastsum.c": SOURCE}.items():
        (tmp_path / name).write_text(content)
    git(tmp_path, "init", "-q")
    settings = resolve_settings({}, tmp_path)
    source = take_snapshot(tmp_path, settings.limits)
    environment = prepare_environment(source, engine, settings, lambda line: None)
    assert "setuptools" in environment.packages
    try:
        snapshot = set_up(source, environment, engine, settings)
        assert any(path.startswith("fastsum.") and path.endswith(".so") for path in snapshot.made)
        assert snapshot.sha256 == source.sha256 and snapshot.files == source.files
        boxes = replace(boxes_on(engine, snapshot, settings), environment=environment)
        assert said(boxes, "import fastsum; print(fastsum.add(2, 40), fastsum.__file__)").startswith("42 /srv/repo/")
        assert not list(tmp_path.rglob("*.so")), "the user's tree was written to"
        assert snapshot.tree_hash_now() == source.tree_hash
    finally:
        for each in engine.environments():  # type: ignore[attr-defined]  # both engines have it
            if environment.key[:12] in each.name:
                each.remove()


def test_new_changed_and_linked_files_are_in_the_boxes_after(engine: Engine, tmp_path: Path) -> None:
    for name in ("kept.txt", "changed.txt"):
        (tmp_path / name).write_text("before\n")
    command = (
        "echo after > changed.txt; mkdir -p a/b; printf x > 'a/b/ünï.txt'; ln -s changed.txt link; "
        "head -c 20000000 /dev/zero > large.bin; printf '#!/bin/sh\\necho ran\\n' > tool; chmod +x tool"
    )
    settings = settings_of(tmp_path, setup=command)
    snapshot = take_snapshot(tmp_path, Limits())
    after = set_up(snapshot, plain_environment(engine), engine, settings)
    assert set(after.made) == {"changed.txt", "a/b/ünï.txt", "link", "large.bin", "tool"}
    assert after.read("changed.txt") == b"after\n" and after.read("kept.txt") == b"before\n"
    code = (
        "import os, subprocess\nprint(open('changed.txt').read() + open('link').read() + open('kept.txt').read(), "
        "os.path.getsize('large.bin'), os.listdir('a/b'), subprocess.check_output('./tool'))"
    )
    assert said(boxes_on(engine, after, settings), code) == "after\nafter\nbefore\n 20000000 ['ünï.txt'] b'ran\\n'\n"
    with boxes_on(engine, after, settings).open(changed={"changed.txt": b"once more\n"}) as box:
        cell = box.run_cell("print(open('changed.txt').read())", id=1, purpose="", timeout_s=30)
    assert cell.outputs[0].text.startswith("once more")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param("echo no luck >&2; exit 3", r"ended with 3[\s\S]*no luck", id="exit code"),
        pytest.param("sleep 60", "did not end within 1 s", id="time"),
        pytest.param("python -c \"import urllib.request as u; u.urlopen('http://1.1.1.1', timeout=5)\"", "unreachable",
                     id="no network"),
        pytest.param("head -c 60000000 /dev/zero > large", "over the snapshot's limits", id="size"),
        pytest.param("kill -9 $PPID", "killed by signal 9", id="kernel killed"),
    ],
)  # fmt: skip
def test_a_set_up_that_fails_says_why(engine: Engine, tmp_path: Path, command: str, words: str) -> None:
    (tmp_path / "a.py").write_text("1\n")
    limits = Limits(setup_timeout_s=1 if command.startswith("sleep") else 30)
    with pytest.raises(SetupFailed, match=words):
        settings = settings_of(tmp_path, setup=command, limits=limits)
        set_up(take_snapshot(tmp_path, limits), plain_environment(engine), engine, settings)


class LyingBox:
    """A box that says what the test wants of what was made."""

    def __init__(self, index: bytes, pieces: Mapping[str, bytes]) -> None:
        self._files = {"setup-index": index, **pieces}

    def read_file(self, name: str, max_bytes: int) -> bytes | None:
        return self._files.get(name)


def entry(path: object, size: object = 0, target: object = "") -> bytes:
    return json.dumps([path, size, False, target]).encode()


@pytest.mark.parametrize(
    "index",
    [
        entry("../outside"), entry("/etc/passwd"), entry("a/../../b"), entry(".git/hooks/x"), entry("a/.git/x"),
        entry(""), entry("a", -1), entry("a", 1.5), entry("a", True), entry(["a"]), entry("a\0b"), entry("x" * 2000),
        entry("a", target="../../etc"), entry("a", target="/etc"), entry("a", 5, target="b"), entry("a", 1 << 40),
        entry("a", 100), b"{", b"[1]", b"[" * 100_000, b"\xff\xff", entry(".debugbox-metadata/x"), entry("./a"),
    ],
    ids=range(23),
)  # fmt: skip
def test_nothing_a_box_says_of_what_it_made_leads_outside(index: bytes) -> None:
    from debugbox.setting_up import _made

    with pytest.raises(SetupFailed):
        list(_made(LyingBox(index, {}), 0, "make", Limits()))  # type: ignore[arg-type]  # a stand-in
