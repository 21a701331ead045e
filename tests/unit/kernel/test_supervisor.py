"""The supervisor's own limits on what the kernel sends and how long the host is silent, without a box around it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import zmq
from debugbox_kernel import supervisor
from debugbox_kernel.channels import Channels
from debugbox_kernel.supervisor import Supervisor
from debugbox_kernel.wire import HostGone


def test_a_silent_host_is_gone_when_the_lease_is_over() -> None:
    left = [1.0]
    held = SimpleNamespace(wire=SimpleNamespace(receive=lambda: None, lease_left=lambda: left[0]))
    Supervisor._hear_host(cast(Supervisor, held))
    left[0] = -0.1
    with pytest.raises(HostGone, match="the lease ran out"):
        Supervisor._hear_host(cast(Supervisor, held))


def test_a_kernel_that_sends_too_much_that_cannot_be_read_is_ended() -> None:
    killed: list[str] = []
    held = SimpleNamespace(bad=0, kernel=SimpleNamespace(kill=killed.append))
    for _ in range(supervisor.MAX_BAD_MESSAGES):
        Supervisor._count_bad(cast(Supervisor, held))
    assert not killed
    Supervisor._count_bad(cast(Supervisor, held))
    assert len(killed) == 1 and "cannot be read" in killed[0]


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A socket that stands for the kernel's, and how it is reached."""
    connection = {
        "transport": "ipc",
        "ip": str(tmp_path / "kernel"),
        **{f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)},
        "key": "k",
        "signature_scheme": "hmac-sha256",
    }
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        socket.bind(f"ipc://{tmp_path}/kernel-2")
        yield socket, connection


@pytest.mark.parametrize("most", [supervisor.MAX_ZMQ_BYTES, 1 << 20])
def test_a_message_over_its_limit_ends_the_connection_and_is_never_held(
    publisher: tuple[Any, dict[str, Any]], most: int
) -> None:
    socket, connection = publisher
    channels = Channels(connection, most)
    lost: list[str] = []
    try:
        for _ in range(100):
            socket.send_multipart([b"x" * (most + 1)])
            channels.poll(0.1, set())
            assert not list(channels.messages())
            if lost := channels.replace_lost():
                break
    finally:
        channels._client.context.destroy(0)
    assert lost == ["iopub"]
