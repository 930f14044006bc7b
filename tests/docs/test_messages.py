"""Every message that people can meet is in the troubleshooting page, or says what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from m2fp_cli import errors
from m2fp_cli.storage import errors as storage_errors
from tests.support.pages import PACKAGE, ROOT, read_code_spans

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
ERRORS = {
    name
    for module in (errors, storage_errors)
    for name, one in vars(module).items()
    if isinstance(one, type) and issubclass(one, errors.M2fpError)
}
GAP = "\0"  # what a program fills in


def messages() -> Iterator[tuple[str, str]]:
    """Where an error of ours is made, and its text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text()
        if not any(f"{name}(" in source for name in ERRORS):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield from ((where, text) for text in map(text_of, node.args) if " " in text)


def text_of(node: ast.AST) -> str:
    """A literal text; what is not literal is a gap."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(one) for one in node.values)
    return GAP


def is_passed_on(text: str) -> bool:
    """Whether a message is that of another error, with a place in front of it."""
    return text.endswith(GAP) and len(re.findall(r"[a-z]{2,}", text)) <= 2


def says_what_to_do(text: str) -> bool:
    """Whether a message ends with advice: behind a semicolon, or with the values that are taken."""
    return ";" in text or re.search(r"(takes|must be) .*, got", text) is not None


def test_every_message_has_its_cure():
    spans = [span for span in read_code_spans(PAGE) if " " in span]
    known = [re.compile(".*".join(map(re.escape, span.split("..."))), re.DOTALL) for span in spans]
    found = list(messages())
    assert len(found) > 150
    missing = [
        f"{where}: {text.replace(GAP, '...')}"
        for where, text in found
        if not is_passed_on(text)
        and not says_what_to_do(text)
        and not any(one.search(text) for one in known)
    ]
    assert not missing, "docs/troubleshooting.md has no row for: " + " | ".join(missing)
