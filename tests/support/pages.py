"""The pages that people read, and what can be checked in them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import m2fp_cli

ROOT = Path(__file__).parents[2]
PACKAGE = Path(m2fp_cli.__file__).parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
OTHER_PAGES = tuple(
    ROOT / name
    for name in (
        "CHANGELOG.md",
        "accessories/README.md",
        "training/README.md",
        "training/HISTORY.md",
        "m2fp_cli/models/starter/README.md",
    )
)


@dataclass(frozen=True)
class Block:
    """A block of code on a page: its language (empty if indented) and its text."""

    page: str
    language: str
    text: str


def read_blocks(page: Path) -> list[Block]:
    """Fenced and indented blocks of code, in order."""
    blocks: list[Block] = []
    fence, lines = "", list[str]()
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        if fence:
            if line.startswith("```"):
                blocks.append(Block(page.name, fence, "\n".join(lines)))
                fence, lines = "", []
            else:
                lines.append(line)
        elif line.startswith("```"):
            fence = line.removeprefix("```").strip() or "text"
        elif line.startswith("    "):
            blocks.append(Block(page.name, "", line.strip()))
    return blocks


def read_code_spans(text: str) -> list[str]:
    """What stands between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def read_table_rows(page: Path) -> list[list[str]]:
    """Rows of all tables of a page, as cells."""
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def read_table_cells(page: Path, column: int) -> list[str]:
    """Cells of one column of all tables of a page."""
    return [row[column] for row in read_table_rows(page) if len(row) > column]


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors_of(page: Path) -> set[str]:
    """Anchors of all headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {anchor_of(heading) for heading in headings}


def texts_in_code(*folders: Path) -> list[str]:
    """Every text in the code of some folders; gaps of f-strings are a NUL."""
    texts: list[str] = []
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "\0" for p in node.values)
                texts.append("".join(map(str, parts)))
    return texts
