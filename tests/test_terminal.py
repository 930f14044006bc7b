"""Nothing from outside moves the cursor, colors the terminal or fakes a line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from m2fp_cli.errors import ImageError, M2fpError
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.terminal import counted, displayable, say, say_lines, say_pieces

HOSTILE = "a\x1b[2Jb\x07\r\u202ec\x9b31m"


def test_control_characters_become_escapes():
    assert displayable(HOSTILE) == "a\\x1b[2Jb\\x07\\r\\u202ec\\x9b31m"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain é 右.jpg", "plain é 右.jpg"),
        ("line\nbreak\t.jpg", r"line\nbreak\t.jpg"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("[red]", "[red]"),
        ("caf\udce9", "caf\N{REPLACEMENT CHARACTER}"),
        ("a\u202egpj", r"a\u202egpj"),
    ],
)
def test_text_and_paths_are_shown_on_one_line(name: str, shown: str) -> None:
    assert displayable(Path(name)) == shown
    assert displayable(name).encode()


def test_lines_stay_lines_and_nothing_else_passes():
    stream = io.StringIO()
    say(f"one\n{HOSTILE}", stream=stream)
    assert stream.getvalue() == f"one\n{displayable(HOSTILE)}\n"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "B\\xf6 \\u7167"), ("latin-1", "B\xf6 \\u7167")]
)
def test_what_a_terminal_cannot_show_becomes_escapes(monkeypatch, encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    say("B\xf6 \u7167")
    say_lines(["B\xf6 \u7167"])
    say_pieces(["B\xf6 ", "\u7167"])
    assert stream.buffer.getvalue().decode(encoding).splitlines() == [shown] * 3


@pytest.mark.parametrize("error", [M2fpError(HOSTILE), ImageError("corrupt", HOSTILE)])
def test_no_error_carries_a_control_character(error):
    assert str(error).isprintable()


def test_no_label_carries_a_control_character():
    with pytest.raises(ValueError, match="printable"):
        LabelSet(("Background", HOSTILE))


def test_one_of_a_kind_has_no_plural():
    assert [counted(number, "photo") for number in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]
    assert [counted(number, "person", "people") for number in (1, 2)] == ["1 person", "2 people"]
