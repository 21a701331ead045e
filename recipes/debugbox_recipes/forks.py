"""Runs something in a fork of this process and brings back what it gave, as JSON. In the program's process."""

import contextlib
import json
import os
import signal
import time
from typing import Any, Callable, Dict, Optional

_POLL_S = 0.005


def in_a_fork(work: Callable[[], Dict[str, Any]], timeout_s: float) -> Optional[Dict[str, Any]]:
    """What `work` returned in a child; None where the child died or took longer. The parent stays as it was.

    Threads of the parent do not live on in the child, so work that waits for one ends at the timeout.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with contextlib.suppress(BaseException), os.fdopen(writing, "w", encoding="utf-8") as pipe:
            json.dump(work(), pipe)
        os._exit(0)
    os.close(writing)
    try:
        return _read(reading, time.monotonic() + timeout_s)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _read(pipe: int, deadline: float) -> Optional[Dict[str, Any]]:
    os.set_blocking(pipe, False)
    text = b""
    while time.monotonic() < deadline:
        try:
            piece = os.read(pipe, 1 << 16)
        except BlockingIOError:
            time.sleep(_POLL_S)
            continue
        if not piece:
            break
        text += piece
    try:
        result: Dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return result
