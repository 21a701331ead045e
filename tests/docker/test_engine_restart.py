"""Requirement: an engine that is stopped, killed or restarted in the middle ends boxes, never in a bug or a leftover.

On an engine of our own, beside the machine's: its socket, its data, its containerd, and namespaces of its own
for network and mounts. Without these `--bridge=none` removes the machine's docker0.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Environment
from debugbox.engines.docker import DockerEngine
from debugbox.errors import BoxGone, EngineUnavailable
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot

UP_S, DOWN_S = 180.0, 60.0


class Daemon:
    """A Docker engine in a folder."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix://{folder}/docker.sock"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; on a busy machine its containerd may be late, so once more then."""
        folder = self._folder
        places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        network = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
        command = ["unshare", "--net", "--mount", "dockerd", "--host", self.address, *places, *network]
        deadline = time.monotonic() + UP_S
        while self.docker("version").returncode:
            if self._process is None or self._process.poll() is not None:
                with (folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            assert time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
            time.sleep(0.2)

    def end(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)
        self._process.wait(DOWN_S)
        self._process = None

    def clear(self) -> None:
        """End whatever is left of it, its containerd too."""
        if self._process:
            self.end(signal.SIGTERM)
        containerd = self._folder / "exec" / "containerd" / "containerd.pid"
        if containerd.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(containerd.read_text()), signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def docker(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["docker", "--host", self.address, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def daemon(environment: Environment) -> Iterator[Daemon]:
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.skip("needs root and dockerd, to start an engine of its own")
    folder = Path(tempfile.mkdtemp(prefix="dbx-"))  # pytest's folders are too long for a socket
    own = Daemon(folder)
    try:
        own.start()
        with subprocess.Popen(["docker", "save", environment.reference], stdout=subprocess.PIPE) as saving:
            command = ["docker", "--host", own.address, "load"]
            subprocess.run(command, stdin=saving.stdout, check=True, capture_output=True)
        yield own
    finally:
        own.clear()


@pytest.fixture
def own_boxes(daemon: Daemon, environment: Environment, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Boxes:
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    return Boxes(
        engine=DockerEngine.connect(),
        environment=environment,
        snapshot=take_snapshot(repository, Limits()),
        limits=Limits(),
        context=BoxContext(),
    )


# The SDK leaves the socket of a connection that was refused to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_an_engine_that_goes_takes_its_boxes_and_the_next_one_starts_when_it_is_back(
    daemon: Daemon, own_boxes: Boxes, number: signal.Signals
) -> None:
    with own_boxes.open() as box:
        assert box.run_cell("print(1)", id=1, purpose="", timeout_s=30).status == "ok"
        daemon.end(number)
        began = time.monotonic()
        with pytest.raises(BoxGone) as gone:
            box.run_cell("print(2)", id=2, purpose="", timeout_s=30)
        assert gone.value.cell and gone.value.cell.status == "died" and time.monotonic() - began < 20
    with pytest.raises((BoxGone, EngineUnavailable)), own_boxes.open():
        pass
    daemon.start()
    with own_boxes.open() as box:
        assert box.run_cell("print(3)", id=3, purpose="", timeout_s=30).outputs[0].text == "3\n"
    deadline = time.monotonic() + 70  # a box that its killed engine left ends with its lease
    while left := daemon.docker("ps", "--all", "--quiet").stdout:
        own_boxes.engine.sweep()
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.5)
