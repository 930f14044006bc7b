from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.history import History, signature_digest
from m2fp_cli.batch.judge import ResumeRules, Why
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.resume import ResumePlan, describe_difference, plan_resume
from m2fp_cli.batch.site import LocalSite
from m2fp_cli.batch.stamps import digest_file, stamp_files
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.storage.tree import OutputTree
from tests.support.scripted import ScriptedJob


class Past:
    """One photo that was done, or failed, in an earlier run."""

    def __init__(self, folder: Path, status: Status = Status.DONE, reason: str = "") -> None:
        self.photo = folder / "a.jpg"
        self.photo.write_bytes(b"pixels")
        self.job = ScriptedJob(folder / "out")
        self.result = folder / "out" / "labels" / "a.png"
        self.result.parent.mkdir(parents=True)
        self.result.touch()
        report = ImageReport(
            str(self.photo),
            "a",
            status,
            reason=reason,
            files=("labels/a.png",),
            photo=digest_file(self.photo),
        )
        stamp = stamp_files([self.photo], checksum=True)
        self.entry = Entry(report, stamp, signature_digest(self.job.signature()), "run", 1.0)

    def plan(
        self, rerun: Rerun = Rerun.CHANGED, *, checksum: bool = False, overwrite: bool = False
    ) -> ResumePlan:
        history = history_with(self.entry)
        task, rules = ImageTask(str(self.photo), "a"), ResumeRules(rerun, checksum, overwrite)
        with OutputTree(self.job.output) as tree:
            return plan_resume([task], history, self.job, LocalSite(tree, self.job), rules)

    def why(self, rerun: Rerun = Rerun.CHANGED, *, checksum: bool = False) -> Why | None:
        return next((why for _, why in self.plan(rerun, checksum=checksum).todo), None)

    def touch(self) -> None:
        os.utime(self.photo, ns=(1, 1))


def history_with(entry: Entry) -> History:
    history = History()
    history.entries.add("manifest.jsonl", entry)
    return history


@pytest.fixture
def done(tmp_path):
    return Past(tmp_path)


def test_what_is_done_stays_done(done):
    assert done.why() is None
    assert done.plan().line() == "1 photo: 1 up to date"


@pytest.mark.parametrize(
    ("rerun", "why"),
    [
        (Rerun.CHANGED, Why.CHANGED),
        (Rerun.FAILED, Why.CHANGED),
        (Rerun.MISSING, None),
        (Rerun.NEVER, None),
        (Rerun.ALL, Why.ASKED),
    ],
)
def test_a_touched_photo(done, rerun, why):
    done.touch()
    assert done.why(rerun) is why


@pytest.mark.parametrize(
    ("rerun", "why"),
    [(Rerun.CHANGED, Why.SETTINGS), (Rerun.MISSING, None), (Rerun.NEVER, None)],
)
def test_other_settings(done, rerun, why):
    done.job = replace(done.job, setting="two")
    assert done.why(rerun) is why


@pytest.mark.parametrize(
    ("rerun", "why"),
    [(Rerun.CHANGED, Why.MISSING), (Rerun.MISSING, Why.MISSING), (Rerun.NEVER, None)],
)
def test_a_lost_result(done, rerun, why):
    done.result.unlink()
    assert done.why(rerun) is why


def test_a_checksum_forgives_another_time_but_not_other_bytes(done):
    done.touch()
    assert done.why(checksum=True) is None
    done.photo.write_bytes(b"PIXELS")
    assert done.why(checksum=True) is Why.CHANGED


@pytest.mark.parametrize("reason", ["corrupt", "unsupported", "empty", "crash", "timeout"])
def test_lasting_failures_wait_for_a_change(tmp_path, reason):
    past = Past(tmp_path, Status.FAILED, reason)
    assert past.why() is None
    assert [entry.report.reason for entry in past.plan().known_failures] == [reason]
    assert past.why(Rerun.FAILED) is Why.FAILED
    assert past.why(Rerun.ALL) is Why.FAILED  # "done before" would not be true
    past.touch()
    assert past.why() is Why.CHANGED


@pytest.mark.parametrize("reason", ["unreadable", "vanished", "out_of_memory", "internal"])
def test_passing_failures_get_another_chance(tmp_path, reason):
    assert Past(tmp_path, Status.FAILED, reason).why() is Why.FAILED


def test_other_settings_free_the_quarantined_and_not_the_broken(tmp_path):
    for name, reason, why in (("q", "crash", Why.SETTINGS), ("b", "corrupt", None)):
        (tmp_path / name).mkdir()
        past = Past(tmp_path / name, Status.QUARANTINED, reason)
        past.job = replace(past.job, setting="two")
        assert past.why() is why


def test_a_photo_that_moved_is_up_to_date_and_found_again(done, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done.photo = done.photo.rename(tmp_path / "elsewhere" / "a.jpg")
    plan = done.plan()
    assert not plan.todo
    assert [entry.report.source for entry in plan.moved] == [str(done.photo)]


def test_a_photo_that_moved_is_read_for_its_bytes_once(done, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    done.photo = done.photo.rename(tmp_path / "elsewhere" / "a.jpg")
    asked, stamp = [], LocalSite.stamp

    def watched(site, task, *, checksum):
        asked.append(checksum)
        return stamp(site, task, checksum=checksum)

    monkeypatch.setattr(LocalSite, "stamp", watched)
    assert len(done.plan().moved) == 1
    assert asked.count(True) == 1


def test_a_photo_that_was_copied_elsewhere_stays_up_to_date(done, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done.photo = done.photo.rename(tmp_path / "elsewhere" / "a.jpg")
    done.touch()  # as by `cp`, which gives a copy the time of now
    (done.entry,) = done.plan().moved
    assert done.plan().line() == "1 photo: 1 up to date"
    done.photo.write_bytes(b"PIXELS")
    assert done.why() is Why.CHANGED


@pytest.mark.parametrize("same_stamp", [True, False])
def test_another_photo_under_the_same_key_is_a_conflict(done, tmp_path, same_stamp):
    before = done.photo.stat()
    other = tmp_path / "tue" / "a.jpg"
    other.parent.mkdir()
    other.write_bytes(b"PIXELS" if same_stamp else b"other pixels")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    done.photo = other
    plan = done.plan()
    assert not plan.todo
    assert not plan.up_to_date
    message = plan.conflicts[0].message
    assert str(tmp_path / "a.jpg") in message
    assert "--prefix" in message
    assert done.plan(overwrite=True).todo[0][0].may_replace is None


def test_another_photo_may_have_the_key_when_nothing_is_left_of_the_first(done, tmp_path):
    done.result.unlink()
    done.photo = done.photo.rename(tmp_path / "b.jpg")
    done.photo.write_bytes(b"other pixels")
    assert done.why() is Why.NEW


def test_files_of_others_are_in_the_way(tmp_path):
    past = Past(tmp_path)
    (past.job.output / "results").mkdir()
    (past.job.output / "results/a.json").touch()
    past.touch()
    plan = past.plan()
    assert not plan.todo
    assert "results/a.json is there already" in plan.conflicts[0].message
    assert plan.line() == "1 photo: 1 in conflict with other files"


def test_of_a_photo_that_is_not_there_that_is_said_and_nothing_is_replaced(tmp_path):
    past = Past(tmp_path)
    past.photo.unlink()
    task = ImageTask(str(past.photo), "a")  # forgotten since, as by status --prune
    with OutputTree(past.job.output) as tree:
        plan = plan_resume([task], History(), past.job, LocalSite(tree, past.job))
    assert [(todo.may_replace, why) for todo, why in plan.todo] == [({}, Why.NEW)]
    past.photo.write_bytes(b"pixels")
    with OutputTree(past.job.output) as tree:
        plan = plan_resume([task], History(), past.job, LocalSite(tree, past.job))
    assert "is there already" in plan.conflicts[0].message


def test_own_files_may_be_replaced_and_no_others(done):
    done.touch()
    assert done.plan().todo[0][0].may_replace == {"labels/a.png": None}


def test_the_line_counts_the_reasons(done, tmp_path):
    done.job = replace(done.job, setting="two")
    (tmp_path / "b.jpg").touch()
    tasks = [ImageTask(str(done.photo), "a"), ImageTask(str(tmp_path / "b.jpg"), "b")]
    history = history_with(done.entry)
    with OutputTree(done.job.output) as tree:
        plan = plan_resume(tasks, history, done.job, LocalSite(tree, done.job))
    assert plan.line().startswith("2 photos: 1 new, 1 with other settings (")


def test_a_difference_of_settings_is_short():
    before: Mapping[str, str] = {"weights": "0" * 64, "flip": "False", "model": "m"}
    now = {"weights": "1" * 64, "flip": "False", "model": "m"}
    assert describe_difference(before, now) == f"weights {'0' * 12}... -> {'1' * 12}..."
    assert len(describe_difference({"people": "1 " * 99}, {})) < 90


def test_a_difference_calls_switches_on_and_off():
    assert describe_difference({"flip": "False"}, {"flip": "True"}) == "flip off -> on"


def test_a_difference_shows_what_follows_a_digest():
    before = {"precision": f"int8 {'0' * 64}"}
    now = {"precision": f"int8 {'0' * 64} bf16"}
    shown = f"int8 {'0' * 12}..."
    assert describe_difference(before, now) == f"precision {shown} -> {shown} bf16"


# ------------------------------------------------------------------------------------ the manifest
