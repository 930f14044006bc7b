"""What ``m2fp serve`` refuses before it starts."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path

import pytest

from m2fp_cli.commands.serve import read_access, read_token
from m2fp_cli.errors import UsageError
from tests.support.tiny_model import CommandLine


@pytest.fixture
def m2fp(tiny_model, monkeypatch, capfd):
    return CommandLine(tiny_model, monkeypatch, capfd)


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n")
    return path


def test_other_machines_need_a_token(m2fp, token_file):
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.com"):
        answer = m2fp("serve", "--host", host)
        assert answer.code == 2
        assert "--token-file" in answer.err
    assert read_access("0.0.0.0", token_file, "", "", no_token=False).token == b"0123456789abcdef"
    assert read_access("0.0.0.0", None, "", "", no_token=True).token is None


def test_this_machine_needs_none():
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.5"):
        assert read_access(host, None, "", "", no_token=False).is_loopback


def test_contradictions_are_refused(m2fp, token_file):
    assert m2fp("serve", "--token-file", token_file, "--no-token").code == 2
    assert m2fp("serve", "--cors", "*").code == 2
    assert m2fp("serve", "--queue", "0").code == 2


@pytest.mark.parametrize(
    "words", [("serve", "--max-pixels"), ("serve", "--max-upload-mb"), ("parse", "--max-pixels")]
)
@pytest.mark.parametrize("value", ["inf", "nan", "1e300"])
def test_a_limit_is_a_number_that_means_one(m2fp, words, value):
    answer = m2fp(*words, value)
    assert answer.code == 2
    assert f"Invalid value for '{words[1]}'" in answer.err


def test_more_workers_than_there_is_room_for_are_refused(m2fp):
    answer = m2fp("serve", "--workers", "9999", "--port", "0")
    assert answer.code == 2
    assert "9999 workers are too many" in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "short", "two\nlines of a token", "x" * 600, "über-token-16-chars"]
)
def test_tokens_that_are_none(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(UsageError, match="openssl rand"):
        read_token(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_token(tmp_path / "none")


def test_a_token_comes_through_a_pipe_and_has_an_end():
    reading, writing = os.pipe()
    os.write(writing, b"0123456789abcdef\n")
    os.close(writing)
    assert read_token(Path(f"/dev/fd/{reading}")) == b"0123456789abcdef"
    os.close(reading)
    with pytest.raises(UsageError, match="openssl rand"):
        read_token(Path("/dev/zero"))


def test_a_missing_extra_is_named(m2fp, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "uvicorn" else find(name, *rest),
    )
    answer = m2fp("serve")
    assert answer.code == 1
    assert answer.err.strip() == (
        "m2fp: m2fp serve needs uvicorn; install them with: pip install 'm2fp[serve]'"
    )


def test_a_port_that_is_taken(m2fp):
    with socket.create_server(("127.0.0.1", 0)) as other:
        answer = m2fp("serve", "--port", str(other.getsockname()[1]))
    assert answer.code == 1
    assert "choose another" in answer.err
