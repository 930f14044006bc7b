"""JSON of strangers: whatever it is, one phrase says what is wrong, and nothing waits."""

from __future__ import annotations

import json
import os

import pytest

from m2fp_cli.jsonio import (
    number_of,
    numbers_of,
    parse_json,
    parse_object,
    read_json,
    text_of,
    texts_of,
    whole_of,
)

DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DEEP, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("", "not valid JSON"),
        ("[NaN]", "NaN is not a number"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ("1" * 5000, "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
    ],
)
def test_what_is_not_a_document_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        parse_json(text)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"'])
def test_an_object_must_be_one(text):
    with pytest.raises(ValueError, match="not a JSON object"):
        parse_object(text)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 10**400])
def test_a_whole_number_is_whole_and_within_bounds(value):
    with pytest.raises(ValueError, match='"n" must be a whole number from 0 to 9'):
        whole_of({"n": value}, "n", 0, 9)


@pytest.mark.parametrize("value", [True, "1", None, 10**400, float("nan"), float("inf")])
def test_a_number_is_finite_and_within_bounds(value):
    with pytest.raises(ValueError, match='"n" must be a number'):
        number_of({"n": value}, "n", -1, 1)


@pytest.mark.parametrize("value", ["a", "a" * 9, "a" * 10, b"a", None, 1, ["a"]])
def test_several_texts_are_checked_as_each_is(value):
    document = {"m": "text", "n": value}
    try:
        one_by_one = [text_of(document, key, most=9) for key in "mn"]
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            texts_of(document, "mn", most=9)
    else:
        assert texts_of(document, "mn", most=9) == one_by_one


@pytest.mark.parametrize("value", [0.0, 1, 2.0, 2.5, -1e-9, True, None, float("nan"), 10**400])
def test_several_numbers_are_checked_as_each_is(value):
    document = {"m": 1.5, "n": value}
    try:
        one_by_one = [number_of(document, key, 0, 2) for key in "mn"]
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            numbers_of(document, "mn", 0, 2)
    else:
        assert numbers_of(document, "mn", 0, 2) == one_by_one


@pytest.mark.parametrize("text", ["{}\n", " {}", "{}\r\n\t ", "\n[1] "])
def test_blanks_around_a_document_do_not_matter(text):
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize("text", ["{} {}", "{}x", " {} 1", "{}\f"])
def test_a_second_document_is_refused(text):
    with pytest.raises(ValueError, match="not valid JSON"):
        parse_json(text)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match="not a regular file"):
        read_json(tmp_path / "pipe.json")


def test_a_large_file_is_refused(tmp_path):
    (tmp_path / "large.json").write_bytes(b" " * 1025)
    with pytest.raises(ValueError, match="larger than"):
        read_json(tmp_path / "large.json", most_bytes=1024)
