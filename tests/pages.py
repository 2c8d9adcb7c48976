"""The pages that people read: their blocks, their links, and what they want not to be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "lab" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)

_FENCE = re.compile(r"^(?P<ticks>```+)(?P<kind>\S*)\n(?P<body>.*?)^(?P=ticks)$", re.DOTALL | re.MULTILINE)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>[^>]+) -->\n\Z")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<text>.+?)\s*$", re.MULTILINE)

SHELL = frozenset({"sh", "console"})


class Block(NamedTuple):
    """One fenced block of a page."""

    page: Path
    line: int  # of its fence
    kind: str  # "console", "sh", "ini" ...
    body: str
    not_run: str | None  # the reason, if a comment before it gives one

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


class Step(NamedTuple):
    """A command of a block, and what the page says that it prints; None if the page doesn't say."""

    command: str
    output: str | None


def name(page: Path) -> str:
    """Return the page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        before = text[: found.start()]
        reason = _NOT_RUN.search(before)
        yield Block(
            page,
            before.count("\n") + 1,
            found["kind"],
            found["body"],
            reason["reason"].strip() if reason else None,
        )


def steps(block: Block) -> Iterator[Step]:
    """Yield the commands of a block: each line of `sh`, each line after a `$` of `console`."""
    if block.kind == "sh":
        yield from (Step(line, None) for line in block.body.splitlines() if line.strip())
        return
    command: str | None = None
    output: list[str] = []
    for line in block.body.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield Step(command, "\n".join(output))
            command, output = line[2:], []
        else:
            output.append(line)
    if command is not None:
        yield Step(command, "\n".join(output))


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links, without those in its blocks."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    yield from (found["target"] for found in _LINK.finditer(text))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", found["text"].lower()).replace(" ", "-") for found in _HEADING.finditer(text)
    }
