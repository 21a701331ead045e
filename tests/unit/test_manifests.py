"""What a repository needs is read statically from what it keeps: lock files, pyproject, setup.*, environment.yml."""

import json
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from debugbox.errors import BadSettings, CondaOnly
from debugbox.lockfiles import specifier
from debugbox.manifests import PINS, Wanted, wanted_of
from debugbox.project import read_project
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot


def wanted_with(folder: Path, files: dict[str, str]) -> Wanted:
    for name, content in {"app.py": "", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return wanted_of(take_snapshot(folder, Limits()))


PROJECT = """\
[project]
name = "my-app"
version = "1.4.2"
requires-python = ">=3.10"
dependencies = ["click>=8", "my_app[extra]", "Attrs"]
[project.optional-dependencies]
docs = ["sphinx"]
test = ["pytest", "my-app[docs]"]
"""
UV_LOCK = """\
version = 1
[[package]]
name = "click"
version = "8.1.7"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "colorama", marker = "sys_platform == 'win32'" }]
[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "attrs"
version = "23.1"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version < '3.12'"]
[[package]]
name = "attrs"
version = "24.2"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version >= '3.12'"]
[[package]]
name = "traitlets"
version = "4.3.3"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "my-app"
version = "1.4.2"
source = { editable = "." }
dependencies = [{ name = "click" }, { name = "attrs" }]
"""


def test_a_uv_lock_pins_what_is_needed_and_nothing_else(tmp_path: Path) -> None:
    found = wanted_with(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": UV_LOCK, "requirements.txt": "six\n"})
    assert found.requirements == (f"-c {PINS}", "click>=8", "Attrs") and found.tests == ("pytest",)
    assert found.files[PINS].decode().splitlines() == [
        "attrs==23.1 ; (python_full_version < '3.12')",
        "attrs==24.2 ; (python_full_version >= '3.12')",
        "click==8.1.7",
        "colorama==0.4.6",
    ]


def test_poetry_says_it_in_its_own_way(tmp_path: Path) -> None:
    pyproject = (
        '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\npython = "^3.9"\nclick = "^8.1"\n'
        'rich = {version = "~13.7", extras = ["jupyter"], markers = "sys_platform == \'linux\'"}\nany = "*"\n'
        'odd = {git = "https://example.org/odd"}\nmaybe = {version = "1", optional = true}\n'
        '[tool.poetry.group.test.dependencies]\npytest = ">=8"\n'
    )
    lock = (
        '[[package]]\nname = "click"\nversion = "8.1.3"\n[package.dependencies]\nColorama = "*"\n'
        '[[package]]\nname = "colorama"\nversion = "0.4.5"\n[[package]]\nname = "black"\nversion = "1"\n'
        '[[package]]\nname = "odd"\nversion = "1"\n[package.source]\ntype = "git"\n'
    )
    found = wanted_with(tmp_path, {"pyproject.toml": pyproject, "poetry.lock": lock})
    rich = "rich[jupyter]>=13.7,<13.8 ; sys_platform == 'linux'"
    assert found.requirements == (f"-c {PINS}", "click>=8.1,<9", rich, "any") and found.tests == ("pytest>=8",)
    assert found.files[PINS] == b"click==8.1.3\ncolorama==0.4.5\n"
    assert found.python == SpecifierSet(">=3.9,<4") and "odd" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("^1.2.3", ">=1.2.3,<2"), ("^0.2.3", ">=0.2.3,<0.3"), ("^0.0.3", ">=0.0.3,<0.0.4"), ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"), ("1.2.*", "==1.2.*"), ("*", ""), (">=1,<2", ">=1,<2"), ("^3.9, !=3.10", ">=3.9,<4,!=3.10"),
        ("~=1.2", "~=1.2"),
    ],
)  # fmt: skip
def test_poetrys_versions_are_translated(text: str, meant: str) -> None:
    assert specifier(text) == meant


def test_a_pipfile_lock_is_taken_as_it_is(tmp_path: Path) -> None:
    default = {
        "click": {"version": "==8.1.7", "markers": "python_version >= '3.7'"},
        "rich": {"version": "==13.7", "extras": ["jupyter"]},
        "local": {"path": "."},
    }
    lock = {
        "_meta": {"requires": {"python_version": "3.11"}},
        "default": default,
        "develop": {"black": {"version": "==1"}},
    }
    found = wanted_with(tmp_path, {"Pipfile.lock": json.dumps(lock), "requirements.txt": "six"})
    assert found.requirements == ("click==8.1.7 ; python_version >= '3.7'", "rich[jupyter]==13.7")
    assert found.python == SpecifierSet("==3.11.*") and "local" in found.notes[0]


def test_setup_cfg_is_read(tmp_path: Path) -> None:
    text = (
        "[metadata]\nname = thing\nversion = attr: thing.__version__\n[options]\npython_requires = >=3.8\n"
        "install_requires =\n    six>=1.10  \n    # a comment\n    attrs; python_version < '3.12'\n"
        "[options.extras_require]\ntests =\n    pytest\n"
    )
    found = wanted_with(tmp_path, {"setup.cfg": text, "thing/__init__.py": '__version__ = "2.5"\n'})
    assert found.requirements == ("six>=1.10", "attrs; python_version < '3.12'") and found.tests == ("pytest",)
    assert found.python == SpecifierSet(">=3.8")
    assert (
        read_project(lambda name: (tmp_path / name).read_bytes() if (tmp_path / name).is_file() else None).version
        == "2.5"
    )


def test_setup_py_is_read_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    text = (
        f"open({str(mark)!r}, 'w')\nfrom setuptools import setup\nREQUIRES = ['six', 'attrs>=20']\n"
        "setup(name='old', install_requires=REQUIRES, python_requires='>=3.6', extras_require={'test': ['nose']},\n"
        "      classifiers=['Programming Language :: Python :: 3.9', 'Programming Language :: Python :: 3.11'])\n"
    )
    found = wanted_with(tmp_path, {"setup.py": text})
    assert found.requirements == ("six", "attrs>=20") and found.tests == ("nose",) and not found.notes
    assert found.python == SpecifierSet(">=3.6") and found.likely == SpecifierSet(">=3.9,<3.12")
    assert not mark.exists()


def test_what_setup_py_computes_is_named_with_what_to_do(tmp_path: Path) -> None:
    text = "import setuptools\nsetuptools.setup(name='x', install_requires=open('r.txt').read().split())\n"
    found = wanted_with(tmp_path, {"setup.py": text})
    assert found.requirements == () and "install_requires" in found.notes[0] and "--with" in found.notes[0]
    assert "not Python 3" in wanted_with(tmp_path, {"setup.py": "print 'hello'\n"}).notes[0]


CONDA = """\
name: analysis
channels: [conda-forge]
dependencies:
  - python=3.11
  - numpy=1.26.4=py311h0
  - conda-forge::scipy >=1.10,<2
  - pytorch   # on the index it is called torch
  - pip
  - pip:
    - rich>=13
    - -r more.txt
  - pandas 2.1
prefix: /home/x
"""


def test_a_conda_file_of_known_packages_is_taken_where_there_is_nothing_else(tmp_path: Path) -> None:
    found = wanted_with(tmp_path, {"environment.yml": CONDA.replace("    - -r more.txt\n", "")})
    assert found.requirements == ("numpy==1.26.4.*", "scipy>=1.10,<2", "torch", "rich>=13", "pandas==2.1.*")
    assert found.python == SpecifierSet("==3.11.*")
    beside = wanted_with(tmp_path, {"requirements.txt": "six\n"})
    assert beside.requirements == ("-r requirements.txt",)


@pytest.mark.parametrize("line", ["cudatoolkit=11.8", "r-base", "gcc_linux-64", "libgdal", "- odd", "{{ jinja }}"])
def test_what_only_conda_can_install_is_a_clear_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(CondaOnly, match="--no-dependencies"):
        wanted_with(tmp_path, {"environment.yml": f"dependencies:\n  - numpy\n  - {line}\n"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "[["),
        ("poetry.lock", "x"),
        ("Pipfile.lock", "{"),
        ("setup.cfg", "no section"),
        ("pyproject.toml", "["),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(BadSettings, match=name):
        wanted_with(tmp_path, {name: text})


@pytest.mark.parametrize(
    "text",
    ["project = 1", "[project]\ndependencies = 'x'", "[tool]\npoetry = 3", "[project]\nname = 3\nclassifiers = [1]"],
)
def test_wrong_types_in_a_manifest_are_no_crash(tmp_path: Path, text: str) -> None:
    wanted_with(tmp_path, {"pyproject.toml": text})
