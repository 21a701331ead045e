"""Flags > environment > the repository's table > user config > defaults; and what a repository may not decide."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from debugbox.errors import BadSettings, NotForRepository
from debugbox.settings import Limits, Settings, parse_duration, parse_size, resolve_settings


def repository_with(tmp_path: Path, table: str) -> Path:
    (tmp_path / "pyproject.toml").write_text(f"[tool.debugbox]\n{table}\n")
    return tmp_path


def test_defaults_are_the_designs() -> None:
    limits = Limits()
    assert (limits.max_time_s, limits.max_cost_usd, limits.max_turns) == (1800, 2.0, 40)
    assert (limits.cell_timeout_s, limits.recipe_timeout_s, limits.probe_timeout_s) == (60, 300, 60)
    assert (limits.cpus, limits.memory_bytes, limits.pids) == (2, 2 << 30, 256)
    assert (limits.snapshot_files, limits.snapshot_file_bytes, limits.snapshot_bytes) == (50_000, 50 << 20, 500 << 20)
    assert limits.checks_time_s == 600


def test_flags_win_over_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text("model = 'sonnet'\nengine = 'docker'\nmax_time = '10m'\n")
    monkeypatch.setenv("DEBUGBOX_CONFIG", str(config))
    monkeypatch.setenv("DEBUGBOX_MODEL", "haiku")
    settings = resolve_settings({"max_time": "90s"}, tmp_path)
    assert (settings.engine, settings.model, settings.limits.max_time_s) == ("docker", "haiku", 90)
    assert resolve_settings({"model": "opus"}, tmp_path).model == "opus"


def test_a_repository_may_set_its_few_keys_and_lower_limits(tmp_path: Path) -> None:
    table = "exclude = ['data']\npip = ['sympy']\npython = '3.12'\narchive = 'findings'\nmemory = '1g'\n"
    settings = resolve_settings({}, repository_with(tmp_path, table))
    assert settings.exclude == ("data",) and settings.extra_packages == ("sympy",) and settings.python == "3.12"
    assert settings.archive == (tmp_path / "findings").resolve() and settings.limits.memory_bytes == 1 << 30


@pytest.mark.parametrize(
    "line",
    [
        "engine = 'bubblewrap'", "image = 'evil'", "env = ['AWS_SECRET_ACCESS_KEY']", "history = 5",
        "good = 'v1'", "allow_secrets = ['.env']", "runtime = 'runc'", "model = 'haiku'", "base_url = 'http://evil'",
        "memory = '64g'", "max_cost = 100.0", "max_time = '9h'", "pids = 100000",
        "archive = '../outside'", "archive = '/tmp'", "archive = '.git/hooks'", "data_dir = '/'", "run = 'rm -rf /'",
        "use_model = false", "checks = false",
    ],
)  # fmt: skip
def test_a_repository_may_not_set(tmp_path: Path, line: str) -> None:
    with pytest.raises(NotForRepository):
        resolve_settings({}, repository_with(tmp_path, line))


ALLOWED = {"include", "exclude", "setup", "python", "archive", "apt"}  # and `pip`, which is none of these names


@pytest.mark.parametrize("name", sorted({each.name for each in fields(Settings)} - ALLOWED - {"limits"}))
def test_every_other_setting_is_the_users_alone(tmp_path: Path, name: str) -> None:
    """A setting that is new is refused until it is let in by name."""
    for value in ("'x'", "true", "1", "['x']"):
        with pytest.raises(NotForRepository, match=name):
            resolve_settings({}, repository_with(tmp_path, f"{name} = {value}"))


@pytest.mark.parametrize("name", sorted(each.name for each in fields(Limits)))
def test_no_limit_is_raised_by_a_repository(tmp_path: Path, name: str) -> None:
    higher = getattr(Limits(), name) * 2
    with pytest.raises(NotForRepository, match=name):
        resolve_settings({}, repository_with(tmp_path, f"{name} = {higher}"))
    assert getattr(resolve_settings({}, repository_with(tmp_path, f"{name} = 1")).limits, name) == 1


def test_a_linked_pyproject_is_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    outside.write_text("[tool.debugbox]\npip = ['x']\n")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "pyproject.toml").symlink_to(outside)
    assert resolve_settings({}, folder).extra_packages == ()


@pytest.mark.parametrize("value", ["many", "-1", 0, "1x"], ids=str)
def test_a_limit_that_is_none_is_a_clear_error(tmp_path: Path, value: Any) -> None:
    with pytest.raises(BadSettings, match="max_time_s"):
        resolve_settings({"max_time": value}, tmp_path)


def test_an_unknown_key_in_the_users_config_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text("modell = 'opus'\n")
    monkeypatch.setenv("DEBUGBOX_CONFIG", str(config))
    with pytest.raises(BadSettings, match="modell"):
        resolve_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "count"), [("512m", 512 << 20), ("2g", 2 << 30), ("1.5GiB", 3 << 29), ("100", 100), ("4kb", 4096)]
)
def test_sizes(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("60s", 60), ("30m", 1800), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_boxs_limits_are_told_with_their_units_and_options() -> None:
    said = Limits().of_a_box(338 << 20)
    assert said == "2 CPUs, 2 GiB + 338 MiB for the snapshot, 256 processes (--cpus, --memory, --pids)"
    assert "snapshot" not in Limits().of_a_box(1000)


def test_a_cells_limit_names_what_changes_it() -> None:
    limits = Limits(cell_timeout_s=20)
    assert limits.of_a_cell(20) == "its limit of 20 s (--cell-timeout)"
    assert (
        limits.of_a_cell(300) == "its limit of 300 s (recipe_timeout_s)" and limits.of_a_cell(7) == "its limit of 7 s"
    )


@pytest.mark.parametrize("line", ["include = 'data'", "exclude = [1]", "pip = {a = 1}"])
def test_a_list_that_is_none_is_a_clear_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadSettings, match="not a list of texts"):
        resolve_settings({}, repository_with(tmp_path, line))


def test_a_repository_may_ask_for_packages_and_a_setup(tmp_path: Path) -> None:
    settings = resolve_settings({}, repository_with(tmp_path, "apt = ['git']\nsetup = 'make'\ninclude = ['data']"))
    assert settings.apt == ("git",) and settings.setup == "make" and settings.include == ("data",)


def test_an_image_may_stand_in_the_users_own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text("image = 'mine:1'\n")
    monkeypatch.setenv("DEBUGBOX_CONFIG", str(config))
    assert resolve_settings({}, tmp_path).image == "mine:1"
    assert resolve_settings({"image": "other"}, tmp_path).image == "other"
