from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from m2fp_cli.batch.manifest import (
    Entry,
    History,
    ManifestWriter,
    compact,
    manifest_path,
    read_history,
    signature_digest,
)
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.resume import ResumePlan, Why, describe_difference, plan_resume
from m2fp_cli.batch.scan import ImageTask
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import stamp_files
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
        report = ImageReport(str(self.photo), "a", status, reason=reason, files=("labels/a.png",))
        stamp = stamp_files([self.photo], checksum=True)
        self.entry = Entry(report, stamp, signature_digest(self.job.signature()), "run", 1.0)

    def plan(self, rerun: Rerun = Rerun.CHANGED, *, checksum: bool = False) -> ResumePlan:
        history = History(entries={"a": self.entry})
        task = ImageTask(self.photo, "a")
        return plan_resume([task], history, self.job, rerun, checksum=checksum)

    def why(self, rerun: Rerun = Rerun.CHANGED, *, checksum: bool = False) -> Why | None:
        return self.plan(rerun, checksum=checksum).why.get("a")

    def touch(self) -> None:
        os.utime(self.photo, ns=(1, 1))


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


def test_another_photo_under_the_same_key_is_changed(done):
    done.photo = done.photo.rename(done.photo.with_suffix(".png"))
    assert done.why() is Why.CHANGED


def test_the_line_counts_the_reasons(done, tmp_path):
    done.job = replace(done.job, setting="two")
    (tmp_path / "b.jpg").touch()
    tasks = [ImageTask(done.photo, "a"), ImageTask(tmp_path / "b.jpg", "b")]
    history = History(entries={"a": done.entry})
    plan = plan_resume(tasks, history, done.job)
    assert plan.line().startswith("2 photos: 1 new, 1 with other settings (")


def test_a_difference_of_settings_is_short():
    before: Mapping[str, str] = {"weights": "0" * 64, "flip": "False", "model": "m"}
    now = {"weights": "1" * 64, "flip": "False", "model": "m"}
    assert describe_difference(before, now) == f"weights {'0' * 12}... -> {'1' * 12}..."


# ------------------------------------------------------------------------------------ the manifest


def write_manifest(path: Path, *, runs: int, photos: int) -> None:
    for _ in range(runs):
        writer = ManifestWriter(path)
        writer.start({"setting": "one"}, photos, photos)
        for number in range(photos):
            report = ImageReport(f"/p/{number}\udcff.jpg", f"{number}\udcff", Status.DONE, people=2)
            writer.add(report, stamp_files([path], checksum=False), "sig")
        writer.close()


def test_a_manifest_comes_back_as_it_was_written(tmp_path):
    write_manifest(manifest_path(tmp_path, "parse"), runs=2, photos=3)
    history = read_history(tmp_path)
    assert sorted(history.entries) == ["0\udcff", "1\udcff", "2\udcff"]
    entry = history.entries["1\udcff"]
    assert entry.report == ImageReport("/p/1\udcff.jpg", "1\udcff", Status.DONE, people=2)
    assert len(history.runs) == 2
    assert history.left() == 0


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_costs_one_photo(tmp_path, cut):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=1, photos=3)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_history(tmp_path).entries) == (3 if cut == 1 else 2)
    write_manifest(path, runs=1, photos=3)
    assert len(read_history(tmp_path).entries) == 3
    assert read_history(tmp_path).left() == 0


def test_lines_that_are_not_ours_are_left_out(tmp_path):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=1, photos=1)
    lines = ["", "null", "[]", "\x00\x00", '{"v":2,"key":"x"}', '{"v":1}', '{"v":1,"key":"y"}']
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    assert sorted(read_history(tmp_path).entries) == ["0\udcff"]


def test_manifests_of_shards_are_read_together_and_jobs_apart(tmp_path):
    write_manifest(manifest_path(tmp_path, "parse", Shard(1, 2)), runs=1, photos=2)
    write_manifest(manifest_path(tmp_path, "parse", Shard(2, 2)), runs=1, photos=3)
    write_manifest(manifest_path(tmp_path, "tryon"), runs=1, photos=7)
    assert len(read_history(tmp_path).entries) == 3
    assert len(read_history(tmp_path, "tryon").entries) == 7
    assert len(read_history(tmp_path).latest) == 2


def test_a_long_manifest_is_made_short_and_says_the_same(tmp_path):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=5, photos=4)
    before = read_history(tmp_path)
    assert not compact(path)
    assert compact(path, at_least=5)
    assert read_history(tmp_path).entries == before.entries
    assert read_history(tmp_path).left() == before.left()
    assert len(path.read_text().splitlines()) == 5
    assert all(json.loads(line) for line in path.read_text().splitlines())
