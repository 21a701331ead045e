"""What a given diff changes, so that it can be handed to the tool's checks. Runs in the box; the checks apply it."""

import re
from typing import Any, Dict, List, Tuple

from .study import Study

_FILE = re.compile(r"^\+\+\+ (?:b/)?([^\t\n]+)")
_HUNK = re.compile(r"^@@ -(\d+)")


def changed_lines(patch: str) -> List[Tuple[str, int]]:
    """File and line, in the file as it is, of each removed line; of an insertion the line before it."""
    found, file, line, removed = [], "", 0, False
    for text in patch.splitlines():
        if _FILE.match(text):
            file = _FILE.match(text)[1].strip()  # type: ignore[index]  # it matched
        elif _HUNK.match(text):
            line, removed = int(_HUNK.match(text)[1]), False  # type: ignore[index]
        elif text.startswith("-") and not text.startswith("---"):
            found.append((file, line))
            line, removed = line + 1, True
        elif text.startswith("+") and not removed:
            found.append((file, max(1, line - 1)))
        elif text.startswith(" ") or not text:
            line, removed = line + 1, False
    return list(dict.fromkeys(found))


def as_intervention(study: Study) -> Dict[str, Any]:
    """The diff as an intervention: the tool applies it to fresh copies, with placebos and the rest of the tests."""
    return {"kind": "diff", "sites": sites(study), "parameters": {}, "describe": study.patch}


def sites(study: Study) -> List[Dict[str, Any]]:
    return [
        {"file": file, "line": line, "function": study.sources.function_at(file, line)[0],
         "quote": study.sources.quote(file, line)}
        for file, line in changed_lines(study.patch)
    ]  # fmt: skip
