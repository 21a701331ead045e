"""A running investigation in the browser: one page on 127.0.0.1, behind a token, to look at only.

It reads the run's journal, which the run writes after each cell; the run knows nothing of it. The page asks for
itself again without script. When the run has ended, its finding is shown.
"""

import hmac
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from debugbox.archive import Archive
from debugbox.errors import NoSuchFinding
from debugbox.journal import running
from debugbox.render.page import style_policy, to_live_page, to_page

_COOKIE = "debugbox"


class LiveRun:
    """The page of the newest run of a repository, as it stands at the moment."""

    def __init__(self, state_dir: Path, repository: Path, archive: Archive) -> None:
        self._state_dir, self._repository, self._archive = state_dir, repository, archive
        self._last = ""

    def page(self) -> str:
        """HTML: of the run that goes on, else the finding of the one that was shown last, else that there is none."""
        runs = [run for run in running(self._state_dir) if run.repository == str(self._repository)]
        if runs:
            self._last = runs[0].id
            return to_live_page(runs[0].question, runs[0].records.cells)
        try:
            return to_page(self._archive.load(self._last or "-"))
        except NoSuchFinding:
            return to_live_page("No investigation of this repository is running", ())


class LiveServer(ThreadingHTTPServer):
    """Serves one page; `address` holds the token, and whoever lacks it gets nothing."""

    daemon_threads = True

    def __init__(self, page: Callable[[], str]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.page = page
        self.token = secrets.token_urlsafe(24)
        self.host = f"127.0.0.1:{self.server_address[1]}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/{self.token}"


class _Request(BaseHTTPRequestHandler):
    """GET of two addresses: the one with the token, which gives a cookie, and the page itself."""

    server: LiveServer
    server_version, sys_version = "debugbox", ""
    timeout = 10

    def do_GET(self) -> None:
        if self.headers.get("Host") != self.server.host or self.headers.get("Origin") not in (None, self._origin()):
            self._answer(HTTPStatus.FORBIDDEN, "not asked for from here")  # another site's name led to this address
        elif self._is_token(self.path.removeprefix("/")):
            self._answer(HTTPStatus.SEE_OTHER, "", Location="/", **{"Set-Cookie": self._cookie()})
        elif not self._is_token(self._given_cookie()):
            self._answer(HTTPStatus.FORBIDDEN, "the address with the token opens this page")
        elif self.path != "/":
            self._answer(HTTPStatus.NOT_FOUND, "there is one page here")
        else:
            self._answer(HTTPStatus.OK, self.server.page(), kind="text/html")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: the token would be in it."""

    def _origin(self) -> str:
        return f"http://{self.server.host}"

    def _cookie(self) -> str:
        return f"{_COOKIE}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"

    def _given_cookie(self) -> str:
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.server.token.encode())

    def _answer(self, status: HTTPStatus, body: str, *, kind: str = "text/plain", **headers: str) -> None:
        data = body.encode()
        self.send_response(status)
        fixed = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(data)),
            "Content-Security-Policy": style_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        for name, value in (fixed | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
