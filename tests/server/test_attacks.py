"""Hostile clients: each gets a short answer, and everybody else is served."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
import zlib

import pytest

from m2fp_cli.server import limits as bounds
from m2fp_cli.server.limits import MEBI
from tests.support.scripted_service import FORM, form, photo_file, read_all, running_service

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service():
    with running_service(upload_bytes=MEBI, queue=2) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(autouse=True)
def still_serving(service):
    yield
    assert service.parse().status == 200


def png_of(width, height, *chunks):
    """A PNG file that claims a size and holds some chunks, (type, content) pairs."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(kind, data) for kind, data in ((b"IHDR", header), *chunks, (b"IEND", b""))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def head(*lines):
    return "\r\n".join(("POST /parse HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


def test_no_parameter_takes_an_address_or_a_path(service):
    for query in ("?url=http://169.254.169.254/", "?path=/etc/passwd", "?model=/tmp/x", "?as=../x"):
        assert service.parse(query=query).status == 400
        assert service.ask("POST", f"/tryon{query}", photo_file()).status == 400
    assert service.ask("POST", "/parse", form({"url": "http://x"}), FORM).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/page/../../pyproject.toml",
        "/page/..%2f..%2fapp.py",
        "/page/%2e%2e/app.py",
        "/accessories/..%2f..%2fLICENSE.webp",
        "/accessories/../fedora.json",
        "/results/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/page/docs.html.j2",
    ],
)
def test_paths_lead_nowhere(service, path):
    assert service.ask("GET", path).status == 404


def test_a_declared_upload_that_is_too_large(service):
    reply = service.talk(
        head("Content-Type: image/jpeg", "Content-Length: 99999999999", "Expect: 100-continue")
    )
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in reply


def test_a_streamed_upload_that_is_too_large(service):
    sent = head("Content-Type: image/jpeg", "Transfer-Encoding: chunked", "Connection: close")
    sent += b"10000\r\n" + bytes(0x10000) + b"\r\n"
    reply = service.talk(sent + (b"10000\r\n" + bytes(0x10000) + b"\r\n") * 40 + b"0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"1 MiB" in reply


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (png_of(60_000, 60_000, (b"IDAT", zlib.compress(bytes(9)))), 413),
        (png_of(0, 5), 422),
        (b"\xff\xd8\xff" + b"\xff\xe1\x00\x02" * 200_000, 422),
        (b"\xff\xd8\xff" + b"\xff" * 500_000, 422),
        (b"\x89PNG\r\n\x1a\n", 422),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 415),
        (b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "x">]><svg/>', 415),
        (b"<html><script>alert(1)</script>", 415),
        (b"%PDF-1.7", 415),
        (b"PK\x03\x04" + bytes(100), 415),
        (b"\x1f\x8b\x08" + bytes(100), 415),
        (b"%!PS-Adobe", 415),
        (b"\0" * 100, 415),
        (b"#!/bin/sh", 415),
    ],
)
def test_what_is_no_photo_never_reaches_a_worker(service, data, status):
    before = service.pool.figures().work_seconds
    for body, headers in (
        (data, {"Content-Type": "image/png"}),
        (form({"image": ("a.png", data)}), FORM),
    ):
        reply = service.ask("POST", "/parse", body, headers)
        assert reply.status == status
        assert "photo" in reply.document["message"]
    assert service.pool.figures().work_seconds == before


def test_a_polyglot_is_answered_as_data(service):
    reply = service.parse("ok <script>alert(1)</script>")
    assert (reply.status, reply.headers["x-content-type-options"]) == (200, "nosniff")
    assert reply.headers["content-type"] == "application/json"


def test_a_damaged_photo_is_told_in_our_words(service):
    reply = service.parse("bad")
    assert reply.status == 422
    assert reply.document["message"] == "the photo is damaged; export it again"
    assert service.parse("wrong").status == 400


def test_a_crash_is_one_500_with_an_id(service):
    reply = service.parse("crash", **{"X-Request-Id": "my-id"})
    assert (reply.status, reply.document["request_id"]) == (500, "my-id")
    assert "SIGSEGV" in reply.document["message"]
    service.wait_until_ready()
    assert "id=my-id" in service.log.getvalue()


def test_a_bug_in_a_worker_tells_its_class_alone(service):
    reply = service.parse("error")
    assert (reply.status, reply.document["error"]) == (500, "internal")
    assert "/" not in reply.document["message"]


def test_a_full_queue_says_when_to_come_again(service, tmp_path):
    threads = [threading.Thread(target=service.parse, args=(f"wait {tmp_path}/go",)) for _ in "abc"]
    for thread in threads:
        thread.start()
    service.wait_until_open(3)
    reply = service.parse()
    assert reply.status == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()


def test_who_goes_away_is_forgotten(service, tmp_path):
    blocker = threading.Thread(target=service.parse, args=(f"wait {tmp_path}/go",))
    blocker.start()
    service.wait_until_open(1)  # the one worker is busy
    data = photo_file("hang")
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", service.port)) as line:
            line.sendall(head("Content-Type: image/jpeg", f"Content-Length: {len(data)}") + data)
            service.wait_until_open(2)
        service.wait_until_open(1)
    (tmp_path / "go").touch()
    blocker.join()
    assert service.parse().status == 200


def test_a_client_that_never_ends_its_head_is_closed(service, monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.6)
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        stop = threading.Event()

        def drip():
            with contextlib.suppress(OSError):
                while not stop.wait(0.1):
                    line.sendall(b"X-A: 1\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        assert read_all(line) == b""
        stop.set()
        thread.join()
    assert time.monotonic() - started < 5


def test_an_upload_that_hardly_moves_is_closed(service, monkeypatch):
    monkeypatch.setattr(bounds, "WINDOW_SECONDS", 0.5)
    monkeypatch.setattr(bounds, "DISCARD_SECONDS", 2.0)  # more than all that is sent takes
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(head("Content-Type: image/jpeg", "Content-Length: 100000"))
        for _ in range(7):
            time.sleep(0.1)
            line.sendall(b"\xff\xd8\xff")
        assert read_all(line).startswith(b"HTTP/1.1 408 ")


def test_chunks_of_one_byte_hold_nobody_up(service, monkeypatch):
    monkeypatch.setattr(bounds, "READ_CPU_SECONDS", 0.2)
    chunked = head("Content-Type: image/jpeg", "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
        started = time.process_time()
        with contextlib.suppress(ConnectionError):
            line.sendall(chunked + b"1\r\n\xff\r\n" * 500_000)
        assert read_all(line) == b""
        assert time.process_time() - started < 2  # all of them take 7 s
    assert service.parse().status == 200


def test_a_client_that_does_not_read_is_closed(service, monkeypatch):
    monkeypatch.setattr(bounds, "WINDOW_SECONDS", 0.5)
    data = photo_file("big 30000000")
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(head("Content-Type: image/jpeg", f"Content-Length: {len(data)}") + data)
        assert line.recv(1) == b"H"
        time.sleep(2.5)
        assert len(read_all(line)) < 30_000_000
    metrics = service.ask("GET", "/metrics").body.decode()
    assert "m2fp_body_bytes 0.0" in metrics


def test_a_client_that_reads_slowly_gets_all_of_its_answer(service, monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.5)  # less than it takes to read
    monkeypatch.setattr(bounds, "WINDOW_BYTES", 1024)  # the machine may be busy
    size, data = 300_000, photo_file("big 300000")
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(head("Content-Type: image/jpeg", f"Content-Length: {len(data)}") + data)
        got = b""
        while len(got) < size:
            piece = line.recv(30_000)
            assert piece
            got += piece
            time.sleep(1.5 * len(piece) / size)


def test_a_connection_on_which_nobody_asks_more_ends_without_a_reset(service, monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while piece := line.recv(4096):
            got += piece
    assert got.endswith(b'{"alive":true}')


@pytest.mark.parametrize(
    "body",
    [
        form({f"f{number}": "x" for number in range(400)}),
        form({"image": ("a", photo_file()), "file": ("b", photo_file())}),
        b"--edge\r\n\r\n--edge--",
        b'--edge\r\nContent-Disposition: form-data; name="image"\r\n\r\nno end',
        b"--edge\r\n" + b"X-Header: 1\r\n" * 5000 + b"\r\nx\r\n--edge--\r\n",
        b"--edge" * 100_000,
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"\r\n--edge-" * 90_000,
        b'--edge\r\nContent-Disposition: form-data; name="a"; '
        + b'b="' * 1300
        + b"\r\n\r\nx\r\n--edge--\r\n",
        b"".join(
            b'--edge\r\nContent-Disposition: form-data; name="f%d"; ' % field
            + b"a=b; " * 800
            + b"\r\n\r\nx\r\n"
            for field in range(255)
        )
        + b"--edge--\r\n",
        b"",
        form({"image": "not a file but a text"}) + b"trailing",
    ],
)
def test_forms_that_are_bombs(service, body):
    started = time.process_time()  # the service works in this process
    assert service.ask("POST", "/parse", body, FORM).status in (400, 415)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 5000,
        "multipart/form-data; boundary=\x80\x81",
        'multipart/form-data; boundary=" "',
        "multipart/form-data; " + "a=b; " * 2000,
        "multipart/mixed; boundary=edge",
        "text/html",
        "application/x-www-form-urlencoded",
    ],
)
def test_strange_content_types(service, content_type):
    reply = service.ask(
        "POST", "/parse", form({"image": ("a", photo_file())}), {"Content-Type": content_type}
    )
    assert reply.status in (400, 415)


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: 1\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n" * 50_000,
    ],
)
def test_heads_that_are_bombs(service, request_head):
    reply = service.talk(request_head)
    assert reply == b"" or re.match(rb"HTTP/1\.1 4\d\d ", reply)


def test_two_lengths_are_not_smuggled(service):
    smuggled = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    both = head(
        "Content-Type: image/jpeg", f"Content-Length: {len(smuggled)}", "Transfer-Encoding: chunked"
    )
    reply = service.talk(both + smuggled)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"m2fp_requests" not in reply


def test_a_photo_in_another_field_is_told_where_it_belongs(service):
    body = form({"img": ("a.jpg", b"\xff\xd8" + bytes(5000))})
    reply = service.ask("POST", "/parse", body, FORM)
    assert reply.status == 400
    assert b"the field 'img' holds a file; send the photo as 'image'" in reply.body


def test_a_form_without_files_is_told_where_its_fields_may_stand(service):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}  # of requests and axios
    refused = service.ask("POST", "/tryon", b"result=x&hat=fedora", kind)
    assert refused.status == 415
    assert "); parameters may stand in the address" in refused.document["message"]
    result = service.parse().headers["m2fp-result"]
    assert service.ask("POST", f"/tryon?result={result}&hat=fedora").status == 200


def test_a_form_that_is_announced_and_empty_leaves_all_to_the_address(service):
    result = service.parse().headers["m2fp-result"]
    assert service.ask("POST", f"/tryon?result={result}&hat=fedora", b"", FORM).status == 200
    assert service.ask("POST", "/parse", b"", FORM).document["error"] == "no_photo"


def test_inputs_of_a_page_in_which_no_file_was_chosen_are_nothing(service):
    photo = ("a.jpg", photo_file())
    body = form({"image": photo, "hat": ("", b""), "glasses": "round"})
    assert service.ask("POST", "/tryon", body, FORM).status == 200
    reply = service.ask("POST", "/parse", form({"image": ("", b"")}), FORM)
    assert reply.document["error"] == "no_photo"
    reply = service.ask("POST", "/parse", form({"image": ("a.jpg", b"")}), FORM)
    assert reply.document["error"] == "empty"


def test_names_of_files_stay_names(service):
    evil = '../../etc/"pass\\wd\u202e<x>;\u4e2d\u6587.jpg'
    reply = service.ask(
        "POST", "/parse?as=zip", form({"image": (evil.replace('"', "%22"), photo_file())}), FORM
    )
    shown = reply.headers["content-disposition"]
    assert reply.status == 200
    assert re.fullmatch(r"inline; filename=\"[\w .-]+\"; filename\*=UTF-8''[\w%.-]+", shown)
