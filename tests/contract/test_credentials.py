"""Requirement: the password of a private package index reaches the build alone: no image, no box, no command line."""

import base64
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Engine, Environment, EnvironmentPlan
from debugbox.engines.docker_owner import owner_of_this_process
from debugbox.errors import DebugboxError
from debugbox.settings import Limits, Settings
from debugbox.snapshot import take_snapshot

PASSWORD = "hunter2-0123456789abcdef"
WHEEL = "privatepackage-1.0-py3-none-any.whl"


def wheel() -> bytes:
    files = {
        "privatepackage.py": "answer = 42\n",
        "privatepackage-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: privatepackage\nVersion: 1.0\n",
        "privatepackage-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "privatepackage-1.0.dist-info/RECORD": "",
    }
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Index(BaseHTTPRequestHandler):
    """A simple index with one package, for those who know the password."""

    wanted = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    refused = 0

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self.wanted:
            Index.refused += 1
            return self._answer(401, b"", ("WWW-Authenticate", "Basic"))
        if self.path == "/simple/privatepackage/":
            return self._answer(200, f'<a href="/{WHEEL}">{WHEEL}</a>'.encode(), ("Content-Type", "text/html"))
        return self._answer(200 if self.path == f"/{WHEEL}" else 404, wheel() if self.path == f"/{WHEEL}" else b"")

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def index(engine: Engine) -> Iterator[str]:
    """The index's address as a build of this engine reaches it, without user and password."""
    host = "127.0.0.1"
    if engine.name == "docker":
        ask = ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"]
        host = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    server = ThreadingHTTPServer((host, 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{host}:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def plan_of(engine: Engine) -> EnvironmentPlan:
    python = engine.interpreter(SpecifierSet(), None)
    key = f"test-private-{engine.name}-{owner_of_this_process().partition(':')[2].replace(':', '-')}"
    return EnvironmentPlan(key=key, python=python, requirements=("privatepackage",))


def command_lines() -> bytes:
    found = b""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += (process / "cmdline").read_bytes()
        except OSError:
            continue
    return found


def kept_bytes(engine: Engine, environment: Environment, cache: Path) -> Iterator[bytes]:
    """All that stays of a build: layers and configurations of every image of ours, or the folders."""
    if engine.name == "docker":
        listed = ["docker", "images", "-aq", "--no-trunc", "--filter", "label=io.debugbox.stage"]
        images = set(subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split())
        inspected = ["docker", "image", "inspect", *images, environment.reference]
        yield subprocess.run(inspected, capture_output=True, check=True).stdout
        with subprocess.Popen(["docker", "save", environment.reference], stdout=subprocess.PIPE) as saving:
            assert saving.stdout
            tail = b""
            while part := saving.stdout.read(1 << 22):
                yield tail + part
                tail = part[-100:]
        return
    for folder in (Path(environment.reference), cache / "bubblewrap" / "uv-cache"):
        yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_an_indexs_password_reaches_the_build_and_nothing_that_stays(
    engine: Engine, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX", f"http://user:{PASSWORD}@{index}")
    seen = []
    environment = engine.build(plan_of(engine), lambda line: seen.append(PASSWORD.encode() in command_lines()))
    try:
        assert environment.packages["privatepackage"] == "1.0" and seen and not any(seen)
        cache = Settings(repository=tmp_path).cache_dir
        assert not any(PASSWORD.encode() in part for part in kept_bytes(engine, environment, cache))
        said = in_a_box(engine, environment, tmp_path)
        assert "answer 42" in said and PASSWORD not in said and "UV_INDEX" not in said
    finally:
        forget(engine, environment)


def test_a_refused_password_is_not_in_the_error(engine: Engine, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", f"http://user:wrong-{PASSWORD}@{index}")
    before = Index.refused
    with pytest.raises(DebugboxError) as failed:
        engine.build(plan_of(engine), lambda line: None)
    assert Index.refused > before and PASSWORD not in str(failed.value)


def in_a_box(engine: Engine, environment: Environment, folder: Path) -> str:
    (folder / "a.py").write_text("1\n")
    boxes = Boxes(
        engine=engine,
        environment=environment,
        snapshot=take_snapshot(folder, Limits()),
        limits=Limits(),
        context=BoxContext(),
    )
    code = (
        "import os, privatepackage, glob\nprint('answer', privatepackage.answer)\nprint(dict(os.environ))\n"
        "for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline'):\n"
        "    try: print(open(path, 'rb').read())\n    except OSError: pass\n"
    )
    with boxes.open() as box:
        cell = box.run_cell(code, id=1, purpose="", timeout_s=30)
    return str(cell.outputs)


def forget(engine: Engine, environment: Environment) -> None:
    for each in engine.environments():  # type: ignore[attr-defined]  # both engines have it
        if environment.key in each.name or environment.key[:12] in each.name:
            each.remove()
