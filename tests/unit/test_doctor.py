"""`debugbox doctor`: green, yellow, red and what to do; red means that no investigation can run; no secrets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from debugbox import doctor
from debugbox.commands import machine
from debugbox.doctor import Line, can_run, docker_lines, embedded_lines, unreachable

MODERN = {"Components": [{"Name": "Engine", "Version": "29.5.2"}, {"Name": "runc", "Version": "1.3.4"}]}
WALLED = {"SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin"], "MemoryLimit": True, "PidsLimit": True}


def test_a_modern_engine_is_green() -> None:
    assert {line.level for line in docker_lines(WALLED, MODERN)} == {"green"}


@pytest.mark.parametrize(
    ("info", "version", "words"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default"]}, MODERN, "AppArmor"),
        ({**WALLED, "PidsLimit": False, "SwapLimit": False}, MODERN, "no limit of swap, processes"),
        (WALLED, {"Components": [{"Name": "Engine", "Version": "20.10.24+dfsg1"}]}, "io_uring"),
        (WALLED, {"Components": [{"Name": "Engine", "Version": "29.4.2"}]}, "CVE-2026-31431"),
        (WALLED, {"Components": [{"Name": "runc", "Version": "1.1.5+ds1"}]}, "CVE-2025-31133"),
    ],
    ids=["no second wall", "no pids", "io_uring", "af_alg", "runc"],
)
def test_a_weakness_is_yellow_with_a_remedy(info: dict[str, object], version: dict[str, object], words: str) -> None:
    found = [line for line in docker_lines(info, version) if line.level == "yellow"]
    assert any(words in line.what for line in found) and all(line.remedy for line in found)


def test_an_engine_that_tells_no_version_is_no_crash() -> None:
    assert can_run(docker_lines({}, {})) and can_run(docker_lines({}, {"Components": [{"Name": "Engine"}]}))


def test_limits_that_cannot_be_enforced_are_named() -> None:
    line, inodes = embedded_lines(("memory", "CPUs"))
    assert line.level == "yellow" and "memory, CPUs" in line.what
    assert inodes.level == "yellow" and "inode" in inodes.what and inodes.remedy
    assert [line.level for line in embedded_lines(())] == ["green", "yellow"]


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """A server that gives every caller these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "404 Not Found"])
def test_an_endpoint_that_answers_is_reachable_whatever_it_says(status: str) -> None:
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as address:
        assert unreachable(address) == ""


def test_an_endpoint_that_does_not_answer_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "refused" in unreachable(f"http://127.0.0.1:{port}")


def test_credentials_are_told_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "unreachable", lambda endpoint: "no route")
    environment = {"ANTHROPIC_API_KEY": "sk-ant-secret", "ANTHROPIC_BASE_URL": "https://me:hunter2@proxy.example/v1"}
    said = " ".join(line.what for line in doctor._model(environment))
    assert "ANTHROPIC_API_KEY" in said and "https://proxy.example" in said and "no route" in said
    assert "secret" not in said and "hunter2" not in said


def test_the_exit_code_says_whether_an_investigation_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [Line(level="green", what="good"), Line(level="yellow", what="so so\x1b[2J", remedy="do this")]
    monkeypatch.setattr(doctor, "examine", lambda settings: iter(lines))
    done = CliRunner().invoke(machine.doctor, [])
    assert done.exit_code == 0 and "warn  so so\\x1b[2J. To do: do this" in done.output
    lines.append(Line(level="red", what="bad"))
    done = CliRunner().invoke(machine.doctor, [])
    assert done.exit_code == 1 and "FAIL  bad" in done.output


def test_without_any_engine_it_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    monkeypatch.setenv("DEBUGBOX_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("debugbox.engines.bubblewrap.bwrap_program", lambda: None)
    done = CliRunner().invoke(machine.doctor, [])
    assert done.exit_code == 1 and "FAIL  bubblewrap: the bubblewrap program is not installed" in done.output
