"""Make the README's pictures again: `make pictures`. The real program on examples/weather-station, nothing drawn.

terminal.png is what a terminal of 80 columns shows when the program has ended, review-page.png is the finding's page in
Chromium. Needs a chromium on this machine. DEBUGBOX_ENGINE chooses the engine.
"""

import fcntl
import html
import io
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Any

import pyte
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "examples" / "weather-station"
COMMAND = ("--run", "python run.py", "why does the mean temperature drift")
ROWS, COLUMNS = 120, 80
PAGE_WIDTH = 1200
DEBUGBOX = (sys.executable, "-P", "-m", "debugbox")
_APC = re.compile(rb"\x1b_.*?\x1b\\", re.DOTALL)  # terminals skip these commands, pyte prints them
COLOURS = {"default": "#d7dce3", "red": "#f28b82", "green": "#57c98a", "brown": "#e0ac4f", "cyan": "#5fc7d6"}
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #14181e; display: inline-block }}
pre {{ margin: 0; padding: 18px 22px; font: 15px/1.32 "DejaVu Sans Mono", monospace; color: #d7dce3 }}
</style><pre>{text}</pre>"""


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="debugbox-pictures-") as name, sync_playwright() as playwright:
        home = Path(name)
        station = copied(home)
        browser = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=False)
        screen = recorded(station, home)
        save(of_terminal(browser, screen), HERE / "terminal.png")
        save(of_page(browser, station, home), HERE / "review-page.png")
        browser.close()


def copied(home: Path) -> Path:
    """The example as a repository of its own, so that the finding names its commit."""
    station = home / "weather-station"
    shutil.copytree(EXAMPLE, station, ignore=shutil.ignore_patterns("__pycache__"))
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "The weather station")):
        subprocess.run(["git", *command], cwd=station, check=True)
    return station


def variables_of(home: Path) -> dict[str, str]:
    """A home of its own for findings; built environments are this user's, so that no build is in the picture."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    dropped = ("ANTHROPIC_", "XDG_", "DEBUGBOX_DATA", "DEBUGBOX_STATE", "DEBUGBOX_CONFIG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": cache, "TERM": "xterm-256color", "DOCKER_HOST": docker_host()}


def docker_host() -> str:
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def recorded(station: Path, home: Path) -> Any:
    """The screen of a terminal after the program has ended; it is run once before, so that nothing is built."""
    subprocess.run([*DEBUGBOX, *COMMAND, "--no-checks", "--no-model", "--quiet"], cwd=station, env=variables_of(home))
    shutil.rmtree(home / ".local")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [*DEBUGBOX, "--no-model", *COMMAND]
    process = subprocess.Popen(command, cwd=station, env=variables_of(home), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(f"$ {shlex.join(['debugbox', *COMMAND])}\r\n".encode())
    stream.feed(_APC.sub(b"", everything_from(ours)))
    if process.wait(60) not in (0, 10):
        sys.exit(f"the program ended with {process.returncode}:\n" + "\n".join(screen.display))
    return screen


def everything_from(terminal: int) -> bytes:
    written = b""
    while select.select([terminal], [], [], 300)[0]:
        try:
            written += os.read(terminal, 65536)
        except OSError:  # the program has ended, and with it the terminal's other end
            break
    os.close(terminal)
    return written


def of_terminal(browser: Browser, screen: Any) -> bytes:
    last = max(row for row, text in enumerate(screen.display) if text.strip())
    lines = ["".join(span(screen.buffer[row][column]) for column in range(COLUMNS)) for row in range(last + 1)]
    page = browser.new_page(viewport={"width": 900, "height": 600}, device_scale_factor=1.5)
    page.set_content(TERMINAL.format(text="\n".join(line.rstrip() for line in lines)))
    return page.locator("body").screenshot()


def span(cell: Any) -> str:
    """One character of the screen with its colour."""
    text = html.escape(cell.data)
    style = f"color:{COLOURS.get(cell.fg, COLOURS['default'])}" if cell.fg != "default" else ""
    style += ";font-weight:bold" if cell.bold else ""
    return f'<span style="{style}">{text}</span>' if style and text.strip() else text


def of_page(browser: Browser, station: Path, home: Path) -> bytes:
    """The page from its top to the end of its first plot."""
    given = {"cwd": station, "env": variables_of(home), "text": True, "check": True}
    listed = subprocess.run([*DEBUGBOX, "list"], stdout=subprocess.PIPE, **given).stdout
    id = listed.splitlines()[-1].split()[0]
    command = [*DEBUGBOX, "review", id, "--no-open", "-o", str(home / "pages")]
    address = subprocess.run(command, stdout=subprocess.PIPE, **given).stdout.strip()
    page = browser.new_page(viewport={"width": PAGE_WIDTH, "height": 900}, color_scheme="light")
    page.goto(address)
    plot = page.locator("#plot-1").bounding_box()
    height = plot["y"] + plot["height"] + 30 if plot else 900
    return page.screenshot(clip={"x": 0, "y": 0, "width": PAGE_WIDTH, "height": height}, full_page=True)


def save(png: bytes, path: Path) -> None:
    """As a PNG of 128 colours: text and plots need no more."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
