"""What a run is set to do: flags > environment > the repository's [tool.debugbox] > user config > defaults.

Resolved once, frozen, passed down. The repository's own configuration is untrusted: it may set a few
keys and lower limits, nothing else.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from debugbox.errors import BadSettings, NotForRepository

_GIB, _MIB = 1 << 30, 1 << 20
_REPOSITORY_MAY_SET = {"include", "exclude", "setup", "pip", "apt", "python", "archive"}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every limit of a run, in the unit its name ends with. The one place of the defaults."""

    max_time_s: float = 1800
    max_cost_usd: float = 2.0
    max_turns: int = 40
    cell_timeout_s: float = 60
    recipe_timeout_s: float = 300
    probe_timeout_s: float = 60
    setup_timeout_s: float = 600
    cpus: float = 2
    memory_bytes: int = 2 * _GIB
    pids: int = 256
    snapshot_files: int = 50_000
    snapshot_file_bytes: int = 50 * _MIB
    snapshot_bytes: int = 500 * _MIB
    cell_text_chars: int = 1 * _MIB
    cell_outputs: int = 200
    cell_images: int = 20
    image_bytes: int = 4 * _MIB
    image_pixels: int = 25_000_000
    model_text_chars: int = 4000

    @property
    def checks_time_s(self) -> float:
        """The third of the time that is kept for the checks."""
        return self.max_time_s / 3

    def of_a_cell(self, timeout_s: float) -> str:
        """A cell's limit in words, with what changes it."""
        names = {self.cell_timeout_s: " (--cell-timeout)", self.recipe_timeout_s: " (recipe_timeout_s)"}
        return f"its limit of {timeout_s:g} s{names.get(timeout_s, '')}"

    def of_a_box(self, snapshot_bytes: int) -> str:
        """A box's limits in words, with the options that change them; the snapshot lives in the box's memory."""
        more = f" + {_size(snapshot_bytes)} for the snapshot" if snapshot_bytes >= _MIB else ""
        return f"{self.cpus:g} CPUs, {_size(self.memory_bytes)}{more}, {self.pids} processes (--cpus, --memory, --pids)"


def _size(count: int) -> str:
    return f"{count / _GIB:.3g} GiB" if count >= _GIB else f"{count / _MIB:.0f} MiB"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One run's settings. `use_model` None means: when there are credentials."""

    repository: Path
    run: str | None = None
    engine: str = "auto"
    use_model: bool | None = None
    model: str = "opus"
    effort: str = "medium"
    base_url: str | None = None
    parallel: int = 1  # agents, once the symptom stands
    recipe: str | None = None
    python: str | None = None
    dependencies: bool = True
    refresh: bool = False  # build the environment anew
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    allow_secrets: tuple[str, ...] = ()
    history: int = 0  # commits that go into the box
    good: str | None = None  # a revision known not to have it: it and all later ones go into the box
    extra_packages: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()  # Debian packages
    image: str | None = None  # the user's own, to build on
    setup: str | None = None  # a command that makes what the repository's files alone are not
    env: tuple[str, ...] = ()  # names of variables that go into the box
    checks: bool = True
    discard_all: bool = False
    keep_code: bool = False
    limits: Limits = field(default_factory=Limits)
    archive: Path | None = None  # a folder inside the repository; None is the user's data directory

    @property
    def recipes_dir(self) -> Path:
        """The user's own recipes, beside the configuration."""
        return _user_config().parent / "recipes"

    @property
    def prices_file(self) -> Path | None:
        """The user's own prices of models, beside the configuration; None where there is no such file."""
        path = _user_config().parent / "prices.json"
        return path if path.is_file() else None

    @property
    def data_dir(self) -> Path:
        return Path(os.environ.get("DEBUGBOX_DATA_DIR") or platformdirs.user_data_dir("debugbox"))

    @property
    def state_dir(self) -> Path:
        return Path(os.environ.get("DEBUGBOX_STATE_DIR") or platformdirs.user_state_dir("debugbox"))

    @property
    def cache_dir(self) -> Path:
        return Path(os.environ.get("DEBUGBOX_CACHE_DIR") or platformdirs.user_cache_dir("debugbox"))


def resolve_settings(flags: Mapping[str, Any], repository: Path) -> Settings:
    """Settings from all their sources. `flags` holds only what the user gave, by the names of `Settings` and `Limits`.

    Raises:
        BadSettings: a file or value that cannot be understood.
        NotForRepository: the repository tries to set what only its user may.
    """
    user = _read_user_config()
    theirs = _read_repository_config(repository)
    settings = _apply(Settings(repository=repository), user, "your config")
    settings = _apply_repository(settings, theirs)
    settings = _apply(settings, _from_environment(), "the environment")
    return _apply(settings, flags, "the command line")


def parse_size(text: str) -> int:
    """`512m`, `2g`, `1.5GiB` in bytes. Raises ValueError."""
    match = re.fullmatch(r"\s*([0-9.]+)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    if not match:
        raise ValueError(f"not a size: {text!r} (say 512m or 2g)")
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2] or " "))


def parse_duration(text: str) -> float:
    """`90`, `60s`, `30m`, `1h` in seconds. Raises ValueError."""
    match = re.fullmatch(r"\s*([0-9.]+)\s*(s|m|h|)\s*", text.lower())
    if not match:
        raise ValueError(f"not a duration: {text!r} (say 60s or 30m)")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _user_config() -> Path:
    return Path(os.environ.get("DEBUGBOX_CONFIG") or Path(platformdirs.user_config_dir("debugbox"), "config.toml"))


def _read_user_config() -> dict[str, Any]:
    path = _user_config()
    return _read_toml(path) if path.is_file() else {}


def _read_repository_config(repository: Path) -> dict[str, Any]:
    path = repository / "pyproject.toml"
    if path.is_symlink() or not path.is_file():
        return {}
    tool = _read_toml(path).get("tool", {})
    table = tool.get("debugbox", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise BadSettings(str(path), "[tool.debugbox] is not a table")
    return table


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(str(path), str(error)) from error


def _from_environment() -> dict[str, Any]:
    names = {"engine": "DEBUGBOX_ENGINE", "model": "DEBUGBOX_MODEL", "base_url": "ANTHROPIC_BASE_URL"}
    return {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}


_LIMIT_NAMES = {each.name for each in fields(Limits)}
_SETTING_NAMES = {each.name for each in fields(Settings)} - {"limits", "repository"}
_SPELLINGS = {
    "max_time": "max_time_s",
    "max_cost": "max_cost_usd",
    "cell_timeout": "cell_timeout_s",
    "setup_timeout": "setup_timeout_s",
    "memory": "memory_bytes",
}


def _apply(settings: Settings, values: Mapping[str, Any], where: str) -> Settings:
    chosen: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for key, value in values.items():
        name = _SPELLINGS.get(key, key)
        if name in _LIMIT_NAMES:
            limits[name] = _limit(name, value, where)
        elif name in _SETTING_NAMES:
            chosen[name] = tuple(value) if isinstance(value, list) else value
        else:
            raise BadSettings(where, f"there is no setting called {key}")
    return replace(settings, **chosen, limits=replace(settings.limits, **limits))


def _limit(name: str, value: Any, where: str) -> Any:
    try:
        if isinstance(value, str):
            value = parse_size(value) if name.endswith("_bytes") else parse_duration(value)
        if value <= 0:
            raise ValueError(f"{value} is not above zero")
    except (TypeError, ValueError) as error:
        raise BadSettings(where, f"{name}: {error}") from error
    whole = isinstance(getattr(Limits(), name), int) and name != "cpus"
    return int(value) if whole else float(value)


def _apply_repository(settings: Settings, theirs: Mapping[str, Any]) -> Settings:
    """The untrusted table: a few keys, and limits only where they are lower than the ones in force."""
    for key, value in theirs.items():
        name = _SPELLINGS.get(key, key)
        if name in _LIMIT_NAMES:
            limit = _limit(name, value, "[tool.debugbox]")
            if limit > getattr(settings.limits, name):
                raise NotForRepository(f"{key} = {value!r} (higher than {getattr(settings.limits, name)})")
            settings = replace(settings, limits=replace(settings.limits, **{name: limit}))
        elif name not in _REPOSITORY_MAY_SET:
            raise NotForRepository(key)
    if "archive" in theirs:
        settings = replace(settings, archive=_archive_inside(settings.repository, theirs["archive"]))
    names = {"exclude": "exclude", "include": "include", "pip": "extra_packages", "apt": "apt"}
    lists: dict[str, Any] = {name: _texts(key, theirs[key]) for key, name in names.items() if key in theirs}
    words: dict[str, Any] = {key: str(theirs[key]) for key in ("python", "setup") if key in theirs}
    return replace(settings, **lists, **words)


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadSettings("[tool.debugbox]", f"{key} is not a list of texts")
    return tuple(value)


def _archive_inside(repository: Path, value: Any) -> Path:
    folder = (repository / str(value)).resolve()
    if not folder.is_relative_to(repository.resolve()) or ".git" in folder.parts:
        raise NotForRepository(f"archive = {value!r} (outside the repository)")
    return folder
