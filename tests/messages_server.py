"""A Messages API on the loopback address whose turns are a script: the real SDK talks to it in the tests.

Each HTTP request takes the next turn. What was asked is kept in `requests` (bodies) and `headers`.
"""

import json
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Block = dict[str, Any]
Break = Literal["", "reset", "eof"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A streamed reply. `breaks` after `after` events: a reset connection, or an end without message_stop.

    `error` is sent as an error event at that place. `partial_json` replaces a tool call's JSON as it is.
    """

    blocks: tuple[Block, ...] = ()
    stop: str = ""
    usage: dict[str, Any] = field(default_factory=lambda: {"input_tokens": 100, "output_tokens": 20})
    details: dict[str, str] | None = None
    breaks: Break = ""
    error: str = ""
    after: int = 3
    partial_json: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An answer that is no stream."""

    status: int
    kind: str = "api_error"
    message: str = "said the test"
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""
    html: str = ""

    def body(self) -> bytes:
        if self.html:
            return self.html.encode()
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.code:
            error["details"] = {"error_code": self.code}
        return json.dumps({"type": "error", "error": error, "request_id": "req_test"}).encode()


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def thinking(words: str) -> Block:
    return {"type": "thinking", "thinking": words, "signature": "signed"}


def call(name: str, number: int = 1, **fields: Any) -> Block:
    return {"type": "tool_use", "id": f"toolu_{number:04}", "name": name, "input": fields}


def garbage() -> Refused:
    return Refused(status=200, html="<html><body>Please log in to the Wi-Fi</body></html>")


class MessagesServer:
    """A context manager; `url` is the base URL. A turn beyond the script answers 500."""

    def __init__(self, turns: Iterable[Answer | Refused]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._turns = iter(turns)
        self._server = _Server(("127.0.0.1", 0), _Requests)
        self._server.script = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # Polled often: a shutdown waits for the next poll.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> Answer | Refused:
        self.requests.append(body)
        self.headers.append(headers)
        return next(self._turns, Refused(status=500, message="the script has ended"))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    script: MessagesServer
    daemon_threads = True


class _Requests(BaseHTTPRequestHandler):
    server: _Server
    # HTTP 1.0: the connection's end is the body's end, so an early end needs no broken chunk.

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        turn = self.server.script.take(body, {name.lower(): value for name, value in self.headers.items()})
        if isinstance(turn, Refused):
            self._refuse(turn)
        else:
            self._stream(turn, body)

    def _refuse(self, turn: Refused) -> None:
        self.send_response(turn.status)
        self.send_header("content-type", "text/html" if turn.html else "application/json")
        for name, value in {"request-id": "req_test", **turn.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(turn.body())

    def _stream(self, turn: Answer, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("request-id", "req_test")
        self.end_headers()
        for sent, event in enumerate(_events(turn, str(body["model"]))):
            if sent == turn.after and turn.error:
                self._send({"type": "error", "error": {"type": turn.error, "message": "said the test"}})
                return
            if sent == turn.after and turn.breaks:
                self._break(turn.breaks)
                return
            self._send(event)

    def _send(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _break(self, how: Break) -> None:
        if how == "reset":  # a lingering time of zero makes close() send a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD)
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests read `requests`."""


def _events(turn: Answer, model: str) -> Iterator[dict[str, Any]]:
    called = any(block["type"] == "tool_use" for block in turn.blocks)
    stop = turn.stop or ("tool_use" if called else "end_turn")
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    usage = {**turn.usage, "output_tokens": 1}
    yield {
        "type": "message_start",
        "message": {**start, "stop_reason": None, "stop_sequence": None, "usage": usage},
    }
    for index, block in enumerate(turn.blocks):
        yield from _block_events(index, block, turn.partial_json)
    delta = {"stop_reason": stop, "stop_sequence": None, "stop_details": turn.details}
    yield {
        "type": "message_delta",
        "delta": delta,
        "usage": {"output_tokens": turn.usage.get("output_tokens", 0)},
    }
    yield {"type": "message_stop"}


def _block_events(index: int, block: Block, partial_json: str | None) -> Iterator[dict[str, Any]]:
    empty, deltas = _taken_apart(block, partial_json)
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _taken_apart(block: Block, partial_json: str | None) -> tuple[Block, list[Block]]:
    if block["type"] == "text":
        words = [block["text"][:5], block["text"][5:]]
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in words]
    if block["type"] == "thinking":
        signed = {"type": "signature_delta", "signature": block["signature"]}
        note = {"type": "thinking_delta", "thinking": block["thinking"]}
        return {**block, "thinking": "", "signature": ""}, [note, signed]
    written = json.dumps(block["input"]) if partial_json is None else partial_json
    pieces = [written[:9], written[9:]]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
