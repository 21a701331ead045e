"""The pages in a real browser: plots are seen, keys and links lead on, nothing runs, nothing leaves."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from debugbox.finding import Finding, Output
from debugbox.liveview import LiveServer
from debugbox.render.page import to_live_page, to_page
from debugbox.review import write_review
from tests.unit.test_notebook import FINDING, HOSTILE, hostile_finding

IMAGE = FINDING.evidence[0].outputs[1]
LOADED = "Array.from(document.images).map(image => image.complete && image.naturalWidth > 0)"
ATTACKS = (
    HOSTILE,
    "</style><script>document.title='ran'</script>",
    '"><img src=x onerror="document.title=\'ran\'"><svg onload="document.title=\'ran\'">',
    "<a href=\"javascript:document.title='ran'\">x</a><iframe src=https://evil.example></iframe>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'><base href=https://evil.example/>",
    "<style>@import 'https://evil.example/x.css'; body{background:url(https://evil.example/b.png)}</style>",
    "![p](https://evil.example/p.png) {{ 7*7 }} {% raw %} &lt;script&gt;",
)


@dataclass
class Seen:
    """A tab, what its console said, and what it asked for that is not the page itself."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.page.goto(address)


@pytest.fixture
def tab(chromium: Any) -> Iterator[Seen]:
    page = chromium.new_page(viewport={"width": 1000, "height": 800})
    seen = Seen(page)
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    yield seen
    page.close()


def finding(id: str, plots: int = 2) -> Finding:
    """The sample with several plots, each with data behind it."""
    audit = {"title": "t", "axes": [{"x": {"label": "batch"}, "y": {"label": "ms"}, "artists": [
        {"kind": "line", "label": "computed", "points": 3, "x": [1, 2, 3], "y": [10.5, 11.0, None]},
        {"kind": "line", "label": "exact", "points": 3, "x": [1, 2, 3], "y": [10.0, 10.0, 10.0]},
    ]}]}  # fmt: skip
    outputs = tuple(replace(IMAGE, text=f"plot number {number}", data=audit) for number in range(1, plots + 1))
    return replace(FINDING, id=id, evidence=(replace(FINDING.evidence[0], outputs=outputs),))


@pytest.fixture
def review(tmp_path: Path) -> str:
    found = [replace(finding(f"20261121-00000{number}"), question=f"question {number}") for number in (1, 2, 3)]
    return write_review(tmp_path / "review", "station", found).as_uri()


def test_the_gallery_shows_every_plot_and_leads_to_it(tab: Seen, review: str) -> None:
    tab.open(review)
    assert tab.page.evaluate(LOADED) == [True] * 6
    tab.page.locator(".gallery a").nth(3).click()
    assert tab.page.url.endswith("20261121-000002.html#plot-2")
    assert tab.console == [] and all(url.startswith(("file:", "data:")) for url in tab.requests)


def test_a_plot_is_zoomed_left_and_right_without_script(tab: Seen, review: str) -> None:
    tab.open(review.replace("index", "20261121-000001"))
    plot, other = tab.page.locator("#plot-1 img"), tab.page.locator("#plot-2 img")
    plot.click()
    assert tab.page.locator("#plot-1").evaluate("it => getComputedStyle(it).position") == "fixed"
    assert plot.bounding_box()["width"] == 122, "its own size, and its border"
    tab.page.locator("#plot-1 >> text=Next plot").click()
    assert other.is_visible() and tab.page.url.endswith("#plot-2")
    assert not tab.page.locator("#plot-2 >> text=Next plot").count()
    tab.page.locator("#plot-2 >> text=Close").click()
    assert tab.page.locator("#plot-2").evaluate("it => getComputedStyle(it).position") == "static"
    assert tab.console == []


def test_access_keys_lead_through_the_findings(tab: Seen, review: str) -> None:
    tab.open(review)
    for key, leads_to in (("n", "000001"), ("n", "000002"), ("n", "000003"), ("p", "000002"), ("i", "index")):
        press_access_key(tab, key)
        tab.page.wait_for_url(f"**/*{leads_to}.html", timeout=5000)


def press_access_key(tab: Seen, key: str) -> None:
    """Alt and a key with its text, as a keyboard sends it; without the text (`keyboard.press`) nothing happens."""
    event = {"modifiers": 1, "key": key, "text": key, "unmodifiedText": key, "windowsVirtualKeyCode": ord(key.upper())}
    tab.page.context.new_cdp_session(tab.page).send("Input.dispatchKeyEvent", {"type": "keyDown", **event})


def test_the_data_behind_a_plot_is_a_table(tab: Seen, review: str) -> None:
    tab.open(review.replace("index", "20261121-000001"))
    table = tab.page.locator("details table").first
    assert not table.is_visible()
    tab.page.locator("summary").first.click()
    assert table.is_visible()
    cells = table.locator("th, td").all_inner_texts()
    assert cells == ["batch", "computed", "exact", "1", "10.5", "10", "2", "11", "10", "3", "–", "10"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(tab: Seen, review: str, scheme: str) -> None:
    tab.page.emulate_media(color_scheme=scheme)
    tab.open(review.replace("index", "20261121-000001"))
    assert min(tab.page.evaluate(CONTRASTS)) >= 4.5  # WCAG AA for text of this size


CONTRASTS = """() => {
  const part = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number); return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b) };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.startsWith('rgba(0, 0, 0, 0')) return c }; return 'rgb(255,255,255)' };
  return Array.from(document.querySelectorAll('p, b, li, td, th, summary, h1, h2, h3, code, a, span.quiet')).map(e => {
    const a = light(getComputedStyle(e).color), b = light(ground(e));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) })
}"""  # noqa: E501 (one function)


def test_printed_it_is_dark_on_white_without_links_to_other_pages(tab: Seen, review: str) -> None:
    tab.page.emulate_media(media="print", color_scheme="dark")
    tab.open(review.replace("index", "20261121-000001") + "#plot-1")
    assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not tab.page.locator("nav").first.is_visible()
    assert tab.page.locator("#plot-1").evaluate("it => getComputedStyle(it).position") == "static"


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_hostile_content_in_every_field_does_nothing(tab: Seen, tmp_path: Path, attack: str) -> None:
    bad = hostile_finding(attack)
    axes = [{"title": attack, "x": {"label": attack}, "artists": [{"kind": attack, "label": attack, "x": [attack]}]}]
    picture = Output(kind="image", name=attack, text=attack, png=IMAGE.png, data={"axes": axes})
    bad = replace(bad, evidence=(replace(bad.evidence[0], outputs=(*bad.evidence[0].outputs, picture)),))
    index = write_review(tmp_path / "review", attack, [replace(bad, id="20261121-0000bd")])
    for path in (index, index.with_name("20261121-0000bd.html")):
        tab.open(path.as_uri())
        title = tab.page.title()
        tab.page.wait_for_timeout(100)
        assert tab.page.title() == title != "ran"
        assert tab.page.locator("script, iframe, base, svg, object, form").count() == 0
        assert all(each.startswith(("#", "20261121", "index")) for each in tab.page.evaluate(LINKS))
    assert tab.console == [] and all(url.startswith(("file:", "data:")) for url in tab.requests)


LINKS = "Array.from(document.links).map(link => link.getAttribute('href'))"


def test_the_policy_alone_stops_what_would_slip_through_escaping(tab: Seen, tmp_path: Path) -> None:
    """The second wall, with the first one torn down: the same attacks, put into a page as they are."""
    slipped = to_page(FINDING).replace("<h1>", "".join(ATTACKS[1:3]) + ATTACKS[5] + "<h1>", 1)
    (tmp_path / "page.html").write_text(slipped)
    tab.open((tmp_path / "page.html").as_uri())
    tab.page.wait_for_timeout(200)
    assert tab.page.title() != "ran"
    assert not [url for url in tab.requests if "evil" in url]
    assert tab.console, "and the browser says that it refused"


# The live view


@pytest.fixture
def live() -> Iterator[LiveServer]:
    shown = ["first look", "second look"]
    server = LiveServer(lambda: to_live_page(shown.pop(0) if len(shown) > 1 else shown[0], ()))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_live_page_refreshes_itself_and_the_token_leaves_the_address(tab: Seen, live: LiveServer) -> None:
    tab.open(live.address)
    assert tab.page.url == f"http://{live.host}/"
    assert tab.page.locator("h1").inner_text() == "first look"
    tab.page.locator("h1 >> text=second look").wait_for(timeout=8000)
    assert [line for line in tab.console if "favicon" not in line] == []


@pytest.mark.parametrize(
    ("request_lines", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: {host}", 403),
        ("GET /{token}x HTTP/1.1\r\nHost: {host}", 403),
        ("GET /{token} HTTP/1.1\r\nHost: evil.example", 403),
        ("GET /{token} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://evil.example", 403),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: debugbox=wrong", 403),
        ("GET /etc/passwd HTTP/1.1\r\nHost: {host}\r\nCookie: debugbox={token}", 404),
        ("POST /{token} HTTP/1.1\r\nHost: {host}", 501),
        ("GET /{token} HTTP/1.1\r\nHost: {host}", 303),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: debugbox={token}", 200),
    ],
)
def test_without_the_token_there_is_nothing_to_see(live: LiveServer, request_lines: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", int(live.host.partition(":")[2])), timeout=5) as connection:
        text = request_lines.format(host=live.host, token=live.token)
        connection.sendall(f"{text}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.split()[1] == str(status)
    assert (live.token in answer) == (status == 303)
    if status == 200:
        assert "frame-ancestors 'none'" in answer and "first look" in answer
