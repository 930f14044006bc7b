"""Runs in processes of their own: signals, kills, shards side by side, a script that calls."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from m2fp_cli.batch.switch import StopSwitch
from tests.support.outputs import history_of
from tests.support.scripted import tree_of, write_photos

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def heed_signals() -> None:
    """A shell's background jobs, and what nohup starts, ignore signals; the runs here must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(
    folder: Path, *arguments: str, output: str = "out", alone: bool = False
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.scripted_run", str(folder / "photos")]
    return subprocess.Popen(
        [*command, str(folder / output), *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_signals,
        start_new_session=alone,
    )


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < until, "the run does not come along"
        time.sleep(0.02)


def wait_for_results(output: Path, count: int) -> None:
    wait_for(lambda: len(list((output / "results").glob("*.json"))) >= count)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_lets_the_run_finish_what_it_works_on(tmp_path, number, code):
    write_photos(tmp_path / "photos", ["sleep 0.3"] * 60)
    process = start(tmp_path, "--quiet")
    wait_for_results(tmp_path / "out", 2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    entries = history_of(tmp_path / "out").entries
    assert f"interrupted, {60 - len(entries)} left" in errors
    assert sorted(tree_of(tmp_path / "out")) == sorted(
        name for entry in entries.values() for name in entry.report.files
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_signal_to_all_processes_of_a_run_leaves_its_workers_alone(tmp_path, number):
    """As a closed terminal, systemd and Slurm send it: the fork server gets it, too."""
    write_photos(tmp_path / "photos", ["sleep 0.5"] * 60)
    process = start(tmp_path, "--quiet", alone=True)
    wait_for_results(tmp_path / "out", 2)
    before = len(list((tmp_path / "out" / "results").glob("*.json")))
    os.killpg(process.pid, number)
    if number == signal.SIGHUP:  # a closed terminal sends it twice
        time.sleep(0.1)
        os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert before + 2 <= len(history_of(tmp_path / "out").entries) < 60


def test_a_second_signal_ends_the_run_at_once(tmp_path):
    write_photos(tmp_path / "photos", {"a.jpg": "ok", **{f"b{n}.jpg": "hang" for n in range(5)}})
    process = start(tmp_path, "--quiet")
    wait_for(lambda: any((tmp_path / "photos").glob("*.hanging")))
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert not list((tmp_path / "out").rglob("*.tmp"))


def kill_and_resume(folder: Path, rounds: int, photos: int, seed: int) -> int:
    """Kill runs at random moments, resume, and compare with an undisturbed run."""
    write_photos(folder / "photos", ["ok"] * photos)
    assert start(folder, output="whole").wait(120) == 0
    rng, killed = random.Random(seed), 0
    for _ in range(rounds):
        process = start(folder, "--stage-seconds", "0.05")
        time.sleep(rng.uniform(0.3, 2.5))
        killed += process.poll() is None
        process.kill()
        process.communicate()
    assert start(folder).wait(120) == 0
    assert tree_of(folder / "out") == tree_of(folder / "whole")
    entries = history_of(folder / "out").entries
    assert len(entries) == photos
    return killed


def test_a_run_killed_three_times_ends_as_if_it_had_not_been(tmp_path):
    assert kill_and_resume(tmp_path, rounds=3, photos=60, seed=4) > 0


@pytest.mark.long
def test_a_run_killed_twenty_times_ends_as_if_it_had_not_been(tmp_path):
    # So many photos that a fast machine, too, has some left in the last rounds.
    assert kill_and_resume(tmp_path, rounds=20, photos=1200, seed=5) > 15


def test_what_is_ignored_stays_ignored():
    switch = StopSwitch()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with switch.listening():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == switch.take_signal
            os.kill(os.getpid(), signal.SIGTERM)
            asked = (switch.is_draining, switch.is_over)
            os.kill(os.getpid(), signal.SIGINT)
            assert (*asked, switch.is_over) == (True, False, True)
        assert switch.signal_number == signal.SIGTERM
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGINT, interrupt)
        switch.close()


def test_shards_side_by_side_make_the_tree_of_one_run(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 12 + ["sub/x bad"])
    whole = start(tmp_path, output="whole")
    parts = [start(tmp_path, "--shard", f"{k}/2", "--stage-seconds", "0.05") for k in (1, 2)]
    assert [process.wait(120) for process in (whole, *parts)] == [0, 0, 0]
    assert tree_of(tmp_path / "out") == tree_of(tmp_path / "whole")
    assert len(history_of(tmp_path / "out").entries) == 13
    assert history_of(tmp_path / "out").left() == 0


def test_a_script_without_a_main_guard_may_use_it(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from m2fp_cli.batch.run import iterate_batch\n"
        "from m2fp_cli.batch.run_options import RunOptions\n"
        "from m2fp_cli.batch.scan import find_images\n"
        "from tests.support.scripted import ScriptedJob\n"
        "here = Path(__file__).parent\n"
        "scan = find_images([here / 'photos'], output=here / 'out')\n"
        "job = ScriptedJob(here / 'out')\n"
        "for report in iterate_batch(scan, job, RunOptions()):\n"
        "    print(report.status.value)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, check=False
    )
    assert (ended.stdout, ended.stderr) == ("done\ndone\n", "")


def test_ctrl_c_while_the_workers_start_ends_without_a_traceback(tmp_path, tiny_model):
    command = [sys.executable, "-m", "m2fp_cli", "parse", "examples", "--model", str(tiny_model)]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out")],
        cwd=ROOT, text=True, stderr=subprocess.PIPE, preexec_fn=heed_signals,
        start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: (tmp_path / "out" / ".m2fp" / "lock").exists())
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: the fork server gets it too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted" in errors


@pytest.mark.parametrize(
    ("name", "kept"), [("tryon", "; finished photos are complete"), ("models", "")]
)
def test_an_interrupt_outside_a_run_is_said_and_has_its_exit_code(name, kept):
    code = (
        f"import os, signal, sys; from m2fp_cli import cli; sys.argv[1:] = ['{name}']\n"
        "cli.app.registered_commands.clear(); cli.app.registered_groups.clear()\n"
        "cli.app.command('else')(lambda: None)\n"
        f"cli.app.command('{name}')(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, text=True, capture_output=True, preexec_fn=heed_signals,
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr == f"m2fp: interrupted{kept}\n"
