"""Runs in the box, in the supervisor. Why the kernel ended, in words."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter

_FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]*)", line (?P<line>\d+) in (?P<function>.*)$', re.MULTILINE)
_STACK_CALLS = 20  # so many calls of one function within each other are a stack that overflowed
_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def cause_of_death(status: int, memory_bytes: int, oom_kills: int, crash_words: str, stderr_tail: str) -> str:
    """The wait status in words; `crash_words` are faulthandler's, `stderr_tail` the end of what was printed."""
    if os.WIFEXITED(status):
        return _exited(os.WEXITSTATUS(status), stderr_tail)
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return _killed(memory_bytes, oom_kills)
    where = _crashed_in(crash_words)
    if number == signal.SIGSEGV:
        return "segmentation fault" + where
    if number == signal.SIGABRT:
        return "aborted (%s)%s" % (_fatal_words(crash_words) or "signal 6", where)
    return "signal %d (%s)%s" % (number, _name(number), where)


def oom_kills() -> int:
    """How often the memory limit killed a process of this box, where its cgroup can be read."""
    for path in _EVENTS:
        try:
            with open(path) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return 0


def gibibytes(count: int) -> str:
    return "%.3g GiB" % (count / (1 << 30))


def _exited(code: int, stderr_tail: str) -> str:
    last = stderr_tail.strip().splitlines()[-1:] if code else []
    return "it exited with code %d%s" % (code, ": " + last[0][:500] if last else "")


def _killed(memory_bytes: int, oom_kills: int) -> str:
    if oom_kills:
        return "killed by the memory limit of %s (--memory)" % gibibytes(memory_bytes)
    return "killed by signal 9 (if its memory was near %s, by the memory limit: --memory)" % gibibytes(memory_bytes)


def _crashed_in(words: str) -> str:
    """` in FUNCTION (FILE, line N)` from faulthandler's report; a stack that overflowed says so."""
    frames = [match.group("function", "file", "line") for match in _FRAME.finditer(words)]
    if not frames:
        return ""
    function, calls = Counter((name, file) for name, file, _ in frames).most_common(1)[0]
    if calls >= _STACK_CALLS:
        return ": the stack overflowed, %s (%s) calls itself without end" % function
    return " in %s (%s, line %s)" % frames[0]


def _fatal_words(words: str) -> str:
    """What Python says of an error it cannot survive: `Fatal Python error: ...`."""
    for line in words.splitlines():
        if line.startswith("Fatal Python error: "):
            return line[len("Fatal Python error: ") :][:200]
    return ""


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "no name"
