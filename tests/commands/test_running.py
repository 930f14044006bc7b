"""What a command says at the end of a run that ended early."""

from __future__ import annotations

import signal

import pytest
import typer

from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.commands import running
from m2fp_cli.commands.option_groups import BatchOptions
from tests.support.scripted import ScriptedJob


@pytest.fixture
def end(tmp_path, monkeypatch, capsys):
    """Give a command a run of one photo or more, and the lines that it says of it."""

    def ended(report, **more):
        monkeypatch.setattr(running, "run_batch", lambda *_: report)
        with pytest.raises(typer.Exit) as raised:
            running.run_and_exit(
                Scan(()), ScriptedJob(tmp_path), RunOptions(), BatchOptions(), where="here", **more
            )
        return raised.value.exit_code, capsys.readouterr().err.splitlines()

    return ended


def ended_early(total, **how):
    report = RunReport(total, **how or {"ended_by": signal.SIGINT})
    report.add(ImageReport("a.jpg", "a.jpg", Status.UP_TO_DATE))
    return report


def test_photos_that_are_left_are_counted(end):
    said = "interrupted, 2 left; run the same command again to go on"
    assert end(ended_early(3)) == (130, ["0 done, 1 up to date, 2 left; here", said])


def test_after_the_last_photo_nothing_is_left(end):
    said = "interrupted after the last photo; no photo is left"
    assert end(ended_early(1)) == (130, ["0 done, 1 up to date; here", said])


@pytest.mark.parametrize("kind", ["finish", "page_of"])
def test_what_comes_after_the_last_photo_is_left_to_the_next_run(end, tmp_path, kind):
    more = {"finish": pytest.fail, "page_of": tmp_path}
    said = "interrupted after the last photo; run the same command again to finish"
    assert end(ended_early(1), **{kind: more[kind]}) == (130, ["0 done, 1 up to date; here", said])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("total", "kinds", "said"),
    [
        (3, ["finish"], "too many failed; 2 left"),
        (1, [], "too many failed; no photo is left"),
        (
            1,
            ["finish"],
            "too many failed at the last photo; what comes after the photos is left out",
        ),
    ],
)
def test_a_run_that_was_stopped_says_what_it_leaves_out(end, total, kinds, said):
    report = ended_early(total, stopped="too many failed")
    code, lines = end(report, **dict.fromkeys(kinds, pytest.fail))
    assert (code, lines[-1]) == (3, said)
