"""One request to a model's endpoint: what came of it, and whether a repetition can help. Used by `model`.

Once a stream has begun the SDK retries nothing, and its failures look different each time: an error of
the transport below it, a status error with status 200, or no error at all but a reply without an end.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from debugbox.bill import Usage
from debugbox.errors import CredentialsRefused, ModelUnavailable
from debugbox.foreign import clean_line

PROVIDER_HOST = "api.anthropic.com"
READ_TIMEOUT_S, CONNECT_TIMEOUT_S = 600, 10
LONGEST_RETRY_AFTER_S = 120
CHARACTERS_PER_TOKEN = 2.5  # for what a broken stream had written: its count comes at the end

_TOO_LONG = re.compile(r"prompt is too long|context[ _](length|window|size)", re.IGNORECASE)
_STATUS_OF_TYPE = {  # an error inside a stream has status 200; all others are the server's trouble
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
}


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A failure that may pass. `wait_s` is what the endpoint asked for; None: the usual backoff."""

    why: str
    wait_s: float | None = None


def open_client(base_url: str | None) -> Any:
    """The SDK's client, with the credentials its own chain finds. Retries are ours, so that they show.

    Raises CredentialsRefused where a profile is broken; missing credentials show at the first request only.
    """
    import anthropic

    timeout = anthropic.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        # Spans would carry the conversation to wherever the user's tracing goes.
        return anthropic.Anthropic(base_url=base_url, max_retries=0, timeout=timeout, open_telemetry=False)
    except anthropic.AnthropicError as err:
        raise CredentialsRefused(clean_line(str(err))) from err


class Heard:
    """What has come of one reply so far."""

    def __init__(self) -> None:
        self.started = False
        self.characters = 0
        self._stream: Any = None
        self._broken = ""

    def listen(self, stream: Any) -> Iterator[Any]:
        """The stream's events. Ends where the server stops speaking the protocol; `message` says so."""
        self._stream = stream
        try:
            for event in stream:
                self._note(event)
                yield event
        # The SDK accumulates without checks: what a half-compatible server sends breaks it in all these ways.
        except (ValueError, LookupError, RuntimeError, AttributeError, TypeError) as err:
            self._broken = f"the stream cannot be understood: {clean_line(repr(err))[:200]}"

    def _note(self, event: Any) -> None:
        self.started = self.started or event.type == "message_start"
        written = (getattr(event, name, "") for name in ("text", "thinking", "partial_json"))
        self.characters += sum(len(piece) for piece in written if isinstance(piece, str))

    def usage(self) -> Usage:
        """The tokens so far; those written are an estimate until the reply's end."""
        if not self.started:
            return Usage()
        raw = self._stream.current_message_snapshot.usage
        split = getattr(raw, "cache_creation", None)
        long_lived = getattr(split, "ephemeral_1h_input_tokens", 0) or 0
        details = getattr(raw, "output_tokens_details", None)
        return Usage(
            input=raw.input_tokens or 0,
            cache_write_5m=(raw.cache_creation_input_tokens or 0) - long_lived,
            cache_write_1h=long_lived,
            cache_read=raw.cache_read_input_tokens or 0,
            output=self._output(raw.output_tokens or 0),
            thinking=getattr(details, "thinking_tokens", 0) or 0,
        )

    def _output(self, counted: int) -> int:
        if self._stream.current_message_snapshot.stop_reason is not None:
            return counted
        return max(counted, int(self.characters / CHARACTERS_PER_TOKEN))

    def message(self) -> Any:
        """The whole message of the SDK, or the Trouble that kept it from coming."""
        if self._broken:
            return Trouble(why=self._broken)
        if not self.started:
            kind = clean_line(self._stream.response.headers.get("content-type", "nothing"))
            return Trouble(why=f"the endpoint answered with {kind}, not with a stream of events")
        message = self._stream.current_message_snapshot
        return message if message.stop_reason else Trouble(why="the stream ended before the reply did")


def judge(error: Exception) -> Trouble:
    """The SDK's or the transport's `error` as a Trouble, where a repetition can help.

    Raises CredentialsRefused or ModelUnavailable where it cannot.
    """
    import anthropic

    if isinstance(error, anthropic.APIStatusError):
        return _judge_status(error)
    if isinstance(error, anthropic.CredentialsError):
        raise CredentialsRefused(clean_line(str(error))) from error
    cause = error.__cause__ or error
    return Trouble(why=f"the connection failed: {clean_line(str(cause)) or type(cause).__name__}")


def _judge_status(error: Any) -> Trouble:
    status, words = _status(error), _words(error)
    if status in (401, 403):
        raise CredentialsRefused(words) from error
    # A rate limit with a code is a spending limit: waiting never lifts it.
    if status in (408, 409) or status >= 500 or (status == 429 and not error.error_code):
        wait_s = _retry_after_s(error.response.headers)
        if wait_s is None or wait_s <= LONGEST_RETRY_AFTER_S:
            return Trouble(why=words, wait_s=wait_s)
        raise ModelUnavailable(f"{words}, and asks to wait for {wait_s:.0f} s") from error
    raise ModelUnavailable(words) from error


def means_too_long(error: Exception) -> bool:
    """Whether the endpoint refused the request for its length."""
    status = _status(error)
    return status == 413 or (status == 400 and _TOO_LONG.search(_words(error)) is not None)


def _status(error: Any) -> int:
    """The HTTP status, or what it would have been outside a stream; 0 where there was no answer."""
    status = int(getattr(error, "status_code", 0))
    return _STATUS_OF_TYPE.get(error.type or "", 500) if 0 < status < 400 else status


def _words(error: Any) -> str:
    message = clean_line(str(error.api_message or error.message))[:300]
    request = f" (request {clean_line(error.request_id)})" if error.request_id else ""
    return f"the endpoint answers {error.type or error.status_code}: {message}{request}"


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def known_base_url(given: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The base URL as the SDK will choose it; None where a profile may decide, which takes the SDK to read."""
    if chosen := given or environment.get("ANTHROPIC_BASE_URL"):
        return chosen
    keyed = environment.get("ANTHROPIC_API_KEY") or environment.get("ANTHROPIC_AUTH_TOKEN")
    return f"https://{PROVIDER_HOST}" if keyed else None


def name_endpoint(base_url: str) -> str:
    """Scheme and host of an endpoint that is not the provider's own, without user or path; else empty."""
    parts = urlsplit(base_url)
    if parts.hostname == PROVIDER_HOST:
        return ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def credentials_present(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> bool:
    """Whether the SDK would find credentials, by the same chain and without importing it.

    True for a profile that is named but broken: the SDK then says what is wrong with it.
    """
    if any(environment.get(f"ANTHROPIC_{name}") for name in ("API_KEY", "AUTH_TOKEN", "PROFILE")):
        return True
    workload = ("FEDERATION_RULE_ID", "ORGANIZATION_ID")
    token = any(environment.get(f"ANTHROPIC_IDENTITY_TOKEN{end}") for end in ("", "_FILE"))
    if token and all(environment.get(f"ANTHROPIC_{name}") for name in workload):
        return True
    folder = _profiles_folder(environment, home)
    return (folder / "configs" / "default.json").is_file() or (folder / "active_config").is_file()


def _profiles_folder(environment: Mapping[str, str], home: Path | None) -> Path:
    if named := environment.get("ANTHROPIC_CONFIG_DIR"):
        return Path(named)
    if roaming := environment.get("APPDATA"):
        return Path(roaming) / "Anthropic"
    return (home or Path.home()) / ".config" / "anthropic"
