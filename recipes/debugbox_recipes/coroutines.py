"""asyncio's tasks as they wait: on which line, for which lock, queue or other task. In the program's process.

Asked from another thread while the loop stands still; nothing of asyncio is changed. Who holds an `asyncio.Lock` is
not kept by anybody: it is the task that stands inside an `async with` of the same lock.
"""

import ast
import linecache
import sys
from types import FrameType
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

Relative = Callable[[Optional[str]], Optional[str]]


def tasks_of(frames: Iterable[FrameType], relative: Relative) -> List[Dict[str, Any]]:
    """All tasks of loops that run in these threads."""
    asyncio = sys.modules.get("asyncio")
    found: List[Dict[str, Any]] = []
    if asyncio is None:
        return found
    for frame in frames:
        loop = _loop(frame)
        if loop is None:
            continue
        tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
        chains = {id(task): _chain(task) for task in tasks}
        found += [_told(task, chains, tasks, relative) for task in tasks]
    return sorted(found, key=lambda each: str(each["name"]))


def _loop(frame: Optional[FrameType]) -> Any:
    while frame is not None:
        if frame.f_code.co_name == "run_forever":
            return frame.f_locals.get("self")
        frame = frame.f_back
    return None


def _chain(task: Any) -> List[FrameType]:
    """The frames of a task's coroutines, innermost first."""
    frames: List[FrameType] = []
    inner = task.get_coro()
    while inner is not None and len(frames) < 40:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None) or getattr(inner, "ag_frame", None)
        if frame is not None:
            frames.append(frame)
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return frames[::-1]


def _told(task: Any, chains: Dict[int, List[FrameType]], tasks: List[Any], relative: Relative) -> Dict[str, Any]:
    stack: List[Any] = []
    inner: List[str] = []
    lock: Any = None
    for frame in chains[id(task)]:
        file = relative(frame.f_code.co_filename)
        if file is not None:
            stack.append([file, frame.f_lineno, getattr(frame.f_code, "co_qualname", frame.f_code.co_name)])
        elif not stack:
            inner.append(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}")
            if frame.f_globals.get("__name__") == "asyncio.locks" and frame.f_code.co_name == "acquire":
                lock = frame.f_locals.get("self")
    said: Dict[str, Any] = {"id": f"task {id(task)}", "name": task.get_name(), "stack": stack, "inner": inner}
    holder, taken = _holder(lock, chains, tasks, relative) if lock is not None else (None, [])
    said["lock"] = {"at": stack[0] if stack else [], "taken": taken, "made": [], "owner": holder is not None,
                    "reentrant": False} if lock is not None else None  # fmt: skip
    waited = holder if holder is not None else _awaited(task, tasks)
    said["for"] = f"task {id(waited)}" if waited is not None else ""
    return said


def _awaited(task: Any, tasks: List[Any]) -> Any:
    """Another task that it waits for, by itself or in a `gather`."""
    waiter = getattr(task, "_fut_waiter", None)
    candidates = [waiter, *(getattr(waiter, "_children", None) or ())]
    return next((each for each in candidates if any(each is other for other in tasks)), None)


def _holder(
    lock: Any, chains: Dict[int, List[FrameType]], tasks: List[Any], relative: Relative
) -> Tuple[Any, List[Any]]:
    for task in tasks:
        for frame in chains[id(task)]:
            line = _holds(frame, lock)
            if line:
                return task, [relative(frame.f_code.co_filename) or "", line, frame.f_code.co_name]
    return None, []


def _holds(frame: FrameType, lock: Any) -> int:
    """The line of the `async with` of this lock whose body the frame is in, or 0."""
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except (SyntaxError, ValueError):
        return 0
    for node in ast.walk(tree):
        if isinstance(node, (ast.AsyncWith, ast.With)) and node.body[0].lineno <= frame.f_lineno <= (
            node.end_lineno or 0
        ):
            for item in node.items:
                if _value(item.context_expr, frame) is lock:
                    return node.lineno
    return 0


def _value(node: ast.expr, frame: FrameType) -> Any:
    """Names and attributes only: looking must not run the user's code."""
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, frame)
        return getattr(owner, "__dict__", {}).get(node.attr)
    return None
