"""Names of photos in tables: valid text, and the bytes of the name can be had from it."""

from __future__ import annotations

import os
import re

import pytest

from m2fp_cli.exports.written_names import written_path

NAMES = [
    b"plain.jpg",
    "é 写.jpg".encode(),
    b"caf\xe9.jpg",
    b"a\\b\\udce9.jpg",
    b"\\\\udc5c\xff\\udc\xe9",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_written_path_is_text_that_gives_its_bytes_back(name):
    written = written_path(os.fsdecode(name)).encode()
    assert (
        re.sub(rb"\\udc([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), written)
        == name
    )


@pytest.mark.parametrize("name", ["plain.jpg", "é 写.jpg", "a\\b.jpg", "\\udc.jpg"])
def test_names_that_are_text_stay_as_they_are(name):
    assert written_path(name) == name


def test_a_byte_that_is_no_text_is_written_as_json_escapes_it():
    assert written_path(os.fsdecode(b"caf\xe9.jpg")) == r"caf\udce9.jpg"
