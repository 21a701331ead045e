"""A host that says nothing for the length of the lease is gone for the box: Ctrl-Z, a cut network."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from debugbox_kernel import wire

from debugbox.engines import Engine
from tests.conftest import plain_environment
from tests.wall.test_lifetime import boxes_of, held, still_there


def test_the_lease_runs_out_and_every_line_renews_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LEASE_S", 0.2)
    reading, writing = os.pipe()
    out_reading, out = os.pipe()
    ours = wire.Wire(reading, out)
    for _ in range(3):
        time.sleep(0.15)
        os.write(writing, b'{"type": "ping"}\n')
        assert ours.receive() == {"type": "ping"} and ours.lease_left() > 0
    time.sleep(0.25)
    assert ours.receive() is None and ours.lease_left() < 0
    for fd in (reading, writing, out_reading, out):
        os.close(fd)


def test_a_host_that_reads_nothing_for_the_lease_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LEASE_S", 0.1)
    reading, writing = os.pipe()
    out_reading, out = os.pipe()
    ours = wire.Wire(reading, out)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(ours.send, "output", text="x" * (1 << 21))
        try:
            with pytest.raises(wire.HostGone, match="no sign of the host"):
                sending.result(timeout=5)
        finally:
            os.set_blocking(out_reading, False)
            while not sending.done():  # it waits for ever: let it end, so that the test can fail
                with contextlib.suppress(BlockingIOError):
                    os.read(out_reading, 1 << 20)
    for fd in (reading, writing, out_reading, out):
        os.close(fd)


@pytest.mark.skipif(not os.environ.get("DEBUGBOX_SLOW"), reason="takes over a minute: DEBUGBOX_SLOW=1 runs it")
def test_a_box_is_gone_after_ctrl_z_for_over_a_minute(engine: Engine, repository: Path) -> None:
    with held(engine, plain_environment(engine).reference, "running", repository) as process:
        boxes = boxes_of(engine, process.pid)
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(wire.LEASE_S - 20)
            assert still_there(engine, boxes, process.pid) == boxes
            time.sleep(25)
            assert not still_there(engine, boxes, process.pid)
        finally:
            process.send_signal(signal.SIGCONT)
