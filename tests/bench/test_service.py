"""Clients of the bench against a scripted service."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from m2fp_cli.bench.clients import run_clients, work_seconds
from m2fp_cli.bench.processes import children_of
from tests.support.scripted_service import photo_file, running_service

pytestmark = pytest.mark.slow


def test_a_crowd_is_answered_to_the_last():
    with running_service(workers=2, queue=3) as service:
        service.wait_until_ready()
        load = run_clients(service.port, [photo_file("sleep 0.05")], clients=60, seconds=0)
        assert load.unanswered == 0
        assert set(load.statuses) == {200, 429}
        assert sum(load.statuses.values()) == 60
        assert load.statuses[200] == len(load.seconds) >= 5


@pytest.mark.slow
def test_clients_go_on_for_a_time():
    with running_service(queue=10) as service:
        service.wait_until_ready()
        load = run_clients(service.port, [photo_file("sleep 0.02")], clients=3, seconds=1.0)
    assert set(load.statuses) == {200}
    assert len(load.seconds) > 5
    assert load.rate == pytest.approx(len(load.seconds) / load.elapsed_seconds)


def test_who_is_away_is_counted():
    assert run_clients(1, [b""], clients=2, seconds=0).unanswered == 2


def test_time_in_a_worker():
    assert work_seconds("wait;dur=900.0, read;dur=20.0, network;dur=80.5") == pytest.approx(0.1005)
    assert work_seconds(None) == 0


def test_processes_below_a_process():
    with subprocess.Popen(["sh", "-c", "sleep 30 & wait"]) as shell:
        while not (below := children_of(shell.pid)):
            pass
        assert shell.pid in children_of(os.getpid())
        assert set(below) <= set(children_of(os.getpid()))
        for pid in below:
            os.kill(pid, 9)


@pytest.mark.long
def test_the_whole_scenario(tiny_model, tmp_path):
    command = [sys.executable, "-m", "m2fp_cli", "bench", "--scenario", "serve", "-m", tiny_model]
    shape = ["--sizes", "64x48", "--workers", "1", "--threads", "1", "--min-time", "2"]
    done = subprocess.run([*command, *shape], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "of the pool's" in done.stdout
