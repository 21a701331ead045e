"""Foreign prose (a model's answer, a caption) as blocks of a small subset, and those blocks as Markdown.

The subset: paragraphs, lists, headings (as bold lines), strong and emphasis, inline code, fenced code. Whatever
could become a link, a picture, HTML or math in some viewer is set as inline code, where every viewer shows it as it
is. Character references and backslashes were tried: MathJax works on the page after both have been resolved.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from debugbox.foreign import clean_text

InlineKind = Literal["text", "code", "strong", "emphasis"]
BlockKind = Literal["paragraph", "item", "heading", "fence"]


@dataclass(frozen=True)
class Inline:
    """A run of text. `parts` holds what is inside strong and emphasis."""

    kind: InlineKind
    text: str
    parts: tuple["Inline", ...] = ()


@dataclass(frozen=True)
class Block:
    """`level` is an item's depth, from 0; `marker` its bullet or number; `text` is a fence's content."""

    kind: BlockKind
    inlines: tuple[Inline, ...] = ()
    text: str = ""
    level: int = 0
    marker: str = "-"


_FENCE = re.compile(r"^[ \t]*(```+|~~~+)")
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+(.*?)[ \t#]*$")
_ITEM = re.compile(r"^([ \t]*)([-*+]|\d{1,3}[.)])[ \t]+(\S.*)$")
_SPAN = re.compile(
    r"(?P<ticks>`+)(?P<code>[^\n]*?[^`\n])(?P=ticks)(?!`)"
    r"|!?\[(?P<label>[^\]\n]*)\]\((?P<url>[^)\s]*)[^)\n]*\)"
    r"|\*\*(?P<strong>[^\s*](?:[^*\n]*[^\s*])?)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
)
# Harmless in every viewer: letters, digits and these, as long as no bare address can be read out of it.
_PLAIN_WORD = re.compile(r"[\w.,;:!?()'\"/%+\-–—…“”‘’°µ×±≤≥≈→·]+")
# `welford.py` is one to VS Code's Markdown: .py is Paraguay.
_ADDRESS = re.compile(r"(?i)://|\w\.[^\W\d_]{2,}|mailto:|xmpp:|@|_")
_LONE = re.compile(r"[-–—→·±≈≤≥×]|[.,;:!?()'\"/%…“”‘’]+")
_LEADING, _TRAILING = "(\"'“‘", ".,;:!?)\"'”’"


def blocks(text: str) -> list[Block]:
    """The blocks of `text`, which is cleaned first."""
    found: list[Block] = []
    paragraph: list[str] = []
    lines = iter(clean_text(text).split("\n"))
    for line in lines:
        block = _block(line, lines, found)
        if block is None and line.strip():
            paragraph.append(line.strip())
            continue
        if paragraph:
            found.append(Block("paragraph", inlines("\n".join(paragraph))))
            paragraph = []
        if block is not None:
            found.append(block)
    if paragraph:
        found.append(Block("paragraph", inlines("\n".join(paragraph))))
    return found


def _block(line: str, rest: Iterator[str], before: list[Block]) -> Block | None:
    if fence := _FENCE.match(line):
        return Block("fence", text=_fenced(fence[1], rest))
    if heading := _HEADING.match(line):
        return Block("heading", inlines(heading[1]))
    if item := _ITEM.match(line):
        deeper = before and before[-1].kind == "item"
        level = min(len(item[1].expandtabs(4)) // 2, before[-1].level + 1) if deeper else 0
        return Block("item", inlines(item[3].strip()), level=level, marker="-" if item[2] in "-*+" else item[2])
    return None


def _fenced(fence: str, rest: Iterator[str]) -> str:
    kept = []
    for line in rest:
        if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            break
        kept.append(line)
    return "\n".join(kept)


def inlines(text: str) -> tuple[Inline, ...]:
    """The runs of cleaned text on one or more lines."""
    found: list[Inline] = []
    at = 0
    for span in _SPAN.finditer(text):
        found.extend(_words(text[at : span.start()]))
        found.extend(_span(span))
        at = span.end()
    found.extend(_words(text[at:]))
    return tuple(found)


def _span(span: re.Match[str]) -> Iterator[Inline]:
    if span["code"] is not None:
        yield Inline("code", span["code"].strip() or span["code"])
    elif span["label"] is not None:  # a link or a picture: its text, then its address as text
        yield from _words(span["label"])
        yield Inline("text", " ")
        yield Inline("code", span["url"] or "(no address)")
    elif span["strong"] is not None:
        yield Inline("strong", span["strong"], inlines(span["strong"]))
    else:
        yield Inline("emphasis", span["emphasis"], inlines(span["emphasis"]))


def _words(text: str) -> Iterator[Inline]:
    """Words as they are or, where a viewer could read something into them, as code."""
    for word in re.findall(r"\s+|\S+", text):
        if word.isspace() or _is_plain(word):
            yield Inline("text", word)
            continue
        core = word.lstrip(_LEADING)
        core = _without_trailing(core) or core or word
        before, _, after = word.partition(core)
        yield from (Inline(kind, part) for kind, part in _three(before, core, after) if part)


def _without_trailing(word: str) -> str:
    """`word` without the sentence's punctuation; a bracket that closes one in the word (`mean()`) is its own."""
    while word and word[-1] in _TRAILING and not (word[-1] == ")" and word.count("(") >= word.count(")")):
        word = word[:-1]
    return word


def _three(before: str, core: str, after: str) -> tuple[tuple[InlineKind, str], ...]:
    return ("text", before), ("code", core), ("text", after)


def _is_plain(word: str) -> bool:
    if not _PLAIN_WORD.fullmatch(word) or _ADDRESS.search(word):
        return False
    return any(char.isalnum() for char in word) or bool(_LONE.fullmatch(word))


def markdown(text: str) -> str:
    """`text` in the subset, as Markdown that means the same in every viewer."""
    parts: list[str] = []
    before: Block | None = None
    for block in blocks(text):
        tight = before is not None and before.kind == block.kind == "item"
        parts.append(("\n" if tight else "\n\n") if before else "")
        parts.append(_block_markdown(block))
        before = block
    return "".join(parts)


def _block_markdown(block: Block) -> str:
    if block.kind == "fence":
        return code_block(block.text)
    inner = _lines_safe(_inline_markdown(block.inlines))
    if block.kind == "heading":
        return f"**{inner}**" if all(part.kind in ("text", "code") for part in block.inlines) and inner else inner
    if block.kind == "item":
        return f"{'    ' * block.level}{block.marker} {inner}"
    return inner


def line_markdown(text: str) -> str:
    """`text` on one line, its inline marks kept: for headings, items and captions."""
    return _lines_safe(_inline_markdown(inlines(" ".join(clean_text(text).split()))))


def _inline_markdown(parts: tuple[Inline, ...]) -> str:
    out = ""
    for part in parts:
        piece = _run_markdown(part)
        touching = out.endswith("`") and piece.startswith("`")  # two runs of ticks would become one
        out += f" {piece}" if touching else piece
    return out


def _run_markdown(part: Inline) -> str:
    if part.kind == "text":
        return part.text
    if part.kind == "code":
        return code_span(part.text)
    mark = "**" if part.kind == "strong" else "*"
    return f"{mark}{_inline_markdown(part.parts)}{mark}"


_BLOCK_START = re.compile(r"^(?:-|\d+[.)])(?=\s|$)")  # other signs are code already


def _lines_safe(text: str) -> str:
    """No line begins like a list or underlines the one before."""
    return "\n".join(_BLOCK_START.sub(lambda start: f"`{start[0]}`", line) for line in text.split("\n"))


def code_span(text: str) -> str:
    """`text` on one line as inline code."""
    flat = " ".join(clean_text(text).split()) or " "
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def code_block(text: str, language: Literal["", "python", "diff"] = "") -> str:
    """`text` as a fenced block; the language is ours alone, `mermaid` would be drawn."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{clean_text(text)}\n{ticks}"
