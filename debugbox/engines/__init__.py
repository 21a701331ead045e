"""What an engine is: it builds environments, starts boxes, and says what was really applied.

`docker` is the product; `bubblewrap` is the embedded engine where no Docker engine answers.
Both start the same supervisor (kernels/debugbox_kernel) and hand out its two byte streams.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from packaging.specifiers import SpecifierSet

from debugbox.settings import Limits

_STEP_BYTES, _STEP_FILES = 16 << 20, 1000  # of a snapshot, in the size of its box

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class EnvironmentPlan:
    """What an environment is built from. `key` is a hash over everything below and the box files.

    `image` is the id of the user's own image to build on, `interpreter` the Python to take there.
    """

    key: str
    python: str  # "3.11"
    manifests: Mapping[str, bytes] = field(default_factory=dict)  # name -> content, as laid out in the repository
    requirements: tuple[str, ...] = ()  # "-r requirements.txt", "numpy>=1.20", ...
    apt: tuple[str, ...] = ()  # Debian packages, on top of it all
    image: str = ""
    interpreter: str = "python3"


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """An image of the user's, with the Python 3 that is first on its path."""

    id: str
    python: str  # "3.11"
    interpreter: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A built environment. `reference` is an image id (docker) or a folder (bubblewrap)."""

    key: str
    engine: str
    reference: str
    python: str  # what was really taken: "3.11.2"
    packages: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # said to the user: a base built here, a wheel built from source, ...
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # its boxes' kernels get them too


@dataclass(frozen=True, kw_only=True)
class BoxSize:
    """The limits of one box. `snapshot_bytes` is added to the memory and to the size of /srv.

    `of` rounds what the snapshot needs, bytes down and files up, so that a listing tells the size before anything is
    read; a small one leaves the memory at what was asked for.
    """

    cpus: float
    memory_bytes: int
    pids: int
    snapshot_bytes: int
    snapshot_files: int

    @classmethod
    def of(cls, limits: Limits, snapshot_bytes: int, snapshot_files: int) -> "BoxSize":
        return cls(
            cpus=limits.cpus,
            memory_bytes=limits.memory_bytes,
            pids=limits.pids,
            snapshot_bytes=snapshot_bytes // _STEP_BYTES * _STEP_BYTES,
            snapshot_files=-(-snapshot_files // _STEP_FILES) * _STEP_FILES,
        )


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something of ours on this machine that could go. `size` counts its bytes, which may take a moment."""

    what: str  # "container", "cgroup", "environment", ...
    name: str
    age_s: float
    remove: Callable[[], bool]
    size: Callable[[], int] = lambda: 0


class Transport(Protocol):
    """One started box. Made by `Engine.start`, owned by `box.Box`, which ends it with `kill`."""

    @property
    def stdin(self) -> IO[bytes]: ...
    @property
    def stdout(self) -> IO[bytes]: ...

    @property
    def applied(self) -> Mapping[str, Any]:
        """Settings read back, for the finding."""

    @property
    def unenforced(self) -> tuple[str, ...]:
        """Limits that could not be enforced here, in words."""

    def kill(self) -> None:
        """End the box at once and wait until nothing is left of it. Harmless when it has ended."""

    def cause(self) -> str:
        """Why the box ended, in words, as far as the engine knows; empty while it runs."""


class Engine(Protocol):
    """Builds environments and starts boxes."""

    name: str
    installs_debian: bool  # whether it can build with Debian packages of its own

    def describe(self) -> str:
        """One line for people: which engine answers where, and what it is good for."""

    def answers(self) -> str | None:
        """Why no box can be started here, or None when one can."""

    def interpreter(self, wanted: SpecifierSet, preferred: str | None) -> str:
        """The series ("3.11") that a repository gets; `preferred` was named by the user or pinned.

        Raises:
            NoInterpreter: nothing that can be had here fits.
        """

    def own_image(self, name: str) -> OwnImage:
        """The user's image of this name, pulled if need be.

        Raises:
            ImageUnfit: it cannot be had, or no box can stand on it.
        """

    def find(self, plan: EnvironmentPlan) -> Environment | None:
        """The environment of this plan if it was built before."""

    def build(self, plan: EnvironmentPlan, progress: Progress) -> Environment:
        """Build it. Called under a lock of the key.

        Raises:
            RequirementsUnresolvable: the resolver said no.
            EnvironmentFailed: anything else went wrong; nothing half-made is left.
        """

    def start(self, environment: Environment, size: BoxSize) -> Transport:
        """Start a box: the supervisor is running and waits for `hello`.

        Raises:
            SettingsNotApplied: what the engine reports differs from what was asked for.
            BoxGone: it did not start.
        """

    def sweep(self) -> list[str]:
        """Remove what killed runs left behind; gives their names. Called at the start of a run."""
