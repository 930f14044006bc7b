"""Limits of memory and time, and what is answered while the service starts and ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from m2fp_cli.server import limits as bounds
from m2fp_cli.server.store import ResultStore
from tests.support.scripted_service import photo_file, read_all, running_service

pytestmark = pytest.mark.slow


def test_memory_of_uploads_is_bounded():
    with running_service(memory_bytes=100_000, queue=50) as small:
        small.wait_until_ready()
        large = photo_file("x" * 200_000)
        reply = small.ask("POST", "/parse", large, {"Content-Type": "image/jpeg"})
        assert (reply.status, reply.document["error"]) == (429, "busy")
        assert small.parse().status == 200


@pytest.fixture
def stores(monkeypatch):
    """Those that have kept a result."""
    found, add = [], ResultStore.add

    def noted(store, one):
        found.append(store)
        return add(store, one)

    monkeypatch.setattr(ResultStore, "add", noted)
    return found


def test_photos_are_forgotten_though_nobody_comes_again(stores):
    with running_service(kept_seconds=0.3) as running:
        running.wait_until_ready()
        running.parse()
        assert stores[0].bytes > 0
        time.sleep(1.5)
        assert stores[0].bytes == 0


def test_photos_are_forgotten_though_their_last_user_went_away(stores, tmp_path):
    (tmp_path / "go").touch()
    with running_service(kept_seconds=2.0) as running:
        running.wait_until_ready()
        result = running.parse(f"wait {tmp_path}/go").headers["m2fp-result"]
        (tmp_path / "go").unlink()
        time.sleep(0.3)  # more than a timer may be late
        with socket.create_connection(("127.0.0.1", running.port)) as line:
            line.sendall(f"GET /results/{result} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            running.wait_until_open(1)
        until = time.monotonic() + 15
        while stores[0].bytes and time.monotonic() < until:
            time.sleep(0.05)
        assert stores[0].bytes == 0
        (tmp_path / "go").touch()


def test_a_deadline_is_a_504():
    with running_service(photo_seconds=0.6) as impatient:
        impatient.wait_until_ready()
        reply = impatient.parse("hang")
        assert (reply.status, reply.document["error"]) == (504, "timeout")
        impatient.wait_until_ready()
        assert impatient.parse().status == 200


def test_who_waited_too_long_is_told_to_come_again():
    with running_service(photo_seconds=0.6, boot="sleep 3") as slow_to_start:
        reply = slow_to_start.parse()
        assert (reply.status, reply.document["error"]) == (503, "busy")
        assert "waited longer than 1 s for a worker" in reply.document["message"]
        assert int(reply.headers["retry-after"]) >= 1


def test_what_is_not_finished_in_time_at_the_end_is_told_so(monkeypatch):
    monkeypatch.setattr(bounds, "DRAIN_SECONDS", 1.0)
    with running_service() as running:
        running.wait_until_ready()
        replies = []
        asking = [
            threading.Thread(target=lambda: replies.append(running.parse("hang"))) for _ in range(2)
        ]
        for thread in asking:
            thread.start()
        running.wait_until_open(2)
        running.server.should_exit = True
        for thread in asking:
            thread.join()
        assert [reply.document["error"] for reply in replies] == ["closing"] * 2


def test_an_upload_that_is_not_done_at_the_end_is_told_so(monkeypatch):
    monkeypatch.setattr(bounds, "DRAIN_SECONDS", 1.0)
    monkeypatch.setattr(bounds, "LAST_ANSWERS_SECONDS", 1.0)
    head = b"POST /parse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
    with (
        running_service() as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=20) as line,
    ):
        line.sendall(head + b"x")
        time.sleep(0.5)
        running.server.should_exit = True
        answer = read_all(line)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 10\r\n" in answer
    assert b'"error": "closing"' in answer
    assert " 503 closing " in running.log.getvalue()


def test_while_the_model_is_loaded():
    with running_service(boot="sleep 2") as starting:
        assert starting.ask("GET", "/healthz").status == 200
        assert starting.ask("GET", "/readyz").status == 503
        assert starting.ask("GET", "/labels").status == 503
        assert starting.parse().status == 200
        assert starting.ask("GET", "/readyz").status == 200


def test_what_is_ready_knows_its_accessories():
    with running_service(boot="dress 1.5") as starting:
        while starting.ask("GET", "/labels").status == 503:
            time.sleep(0.05)
        assert starting.ask("GET", "/readyz").status == 503
        while starting.ask("GET", "/readyz").status == 503:
            time.sleep(0.05)
        assert starting.ask("GET", "/accessories").status == 200


def test_without_workers_it_is_not_ready():
    with running_service() as service:
        service.wait_until_ready()
        blocked = threading.Thread(target=service.parse, args=("stop",), daemon=True)
        blocked.start()
        time.sleep(0.5)
        assert service.ask("GET", "/readyz").status == 503
        assert service.ask("GET", "/healthz").status == 200


def test_too_many_connections_are_told_so_and_probes_are_answered(monkeypatch):
    monkeypatch.setattr(bounds, "CONNECTIONS", 3)
    with running_service() as crowded, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", crowded.port)))
        assert crowded.ask("GET", "/healthz").status == 200
        reply = crowded.ask("GET", "/labels")
        assert (reply.status, reply.document["error"]) == (503, "crowded")
        assert int(reply.headers["retry-after"]) > 0
        assert reply.headers["x-content-type-options"] == "nosniff"
        stack.close()
        time.sleep(0.5)
        crowded.wait_until_ready()
        assert crowded.ask("GET", "/labels").status == 200
    assert " 503 crowded " in crowded.log.getvalue()
