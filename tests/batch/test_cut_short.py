"""What a run leaves that was killed: its claims, and how long they mean anything."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from typing import ClassVar

import pytest

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.leftovers import Leftovers
from m2fp_cli.batch.lock import hold_output, token_of
from m2fp_cli.batch.manifest import ManifestWriter, compact
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.shard import Shard
from m2fp_cli.errors import OutputLockedError
from m2fp_cli.storage.tree import OutputTree
from tests.support.killed_run import begin_and_die, run
from tests.support.marks import needs_marks
from tests.support.outputs import history_of
from tests.support.scripted import ScriptedJob, tree_of, write_photos


@pytest.fixture
def ended(tmp_path):
    """A run was killed, and another has done its photo since."""
    write_photos(tmp_path / "photos", ["ok"])
    begin_and_die(tmp_path, "0000")
    assert run(tmp_path).exit_code == 0
    return tmp_path / "out" / "labels" / "0000.png"


def test_a_correction_stays_although_a_run_was_killed_before_it(tmp_path, ended):
    ended.write_bytes(b"corrected by hand")
    (failed,) = run(tmp_path, "two").failures
    assert failed.message.startswith("labels/0000.png was changed since m2fp wrote it")
    assert ended.read_bytes() == b"corrected by hand"


@pytest.mark.parametrize("hours", [(1, 2, 3), (3, 2, 1), (3, 1, 2)])
def test_the_order_of_runs_counts_and_no_clock(tmp_path, monkeypatch, hours):
    """A small computer whose power failed may go on an hour earlier."""
    write_photos(tmp_path / "photos", ["ok"] * 2)
    monkeypatch.setattr(time, "time", lambda: 3600.0 * hours[0])
    run(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 3600.0 * hours[1])
    begin_and_die(tmp_path, "0000", "0001")
    assert [history_of(tmp_path / "out").is_claimed(key) for key in ("0000", "0001")] == [True] * 2
    monkeypatch.setattr(time, "time", lambda: 3600.0 * hours[2])
    entry = history_of(tmp_path / "out").entries["0000"]
    with OutputTree(tmp_path / "out") as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.start({"setting": "one"}, 2, 1)
        writer.add(entry.report, entry.stamp, entry.signature)
        writer.close()
        history = history_of(tmp_path / "out")
        assert [history.is_claimed(key) for key in ("0000", "0001")] == [False, True]
        assert compact(tree, writer.name, history, at_least=1)
    assert history_of(tmp_path / "out").latest[writer.name] == writer.run


def end_without_label_map(folder, seconds_after):
    """The last run wrote no label map, and ended after the one that is there was written."""
    changed = (folder / "out" / "labels" / "0000.png").stat().st_ctime
    entry = history_of(folder / "out").entries["0000"]
    with OutputTree(folder / "out") as tree, pytest.MonkeyPatch.context() as patch:
        writer = ManifestWriter(tree, manifest_name("parse"))
        report = entry.report._replace(files=("results/0000.json",), checksums=())
        patch.setattr(time, "time", lambda: changed + seconds_after)
        writer.add(report, entry.stamp, entry.signature)
        writer.close()


def test_a_file_of_others_stays_although_a_run_was_killed_before_it(tmp_path, ended):
    ended.rename(tmp_path / "mine.png")
    ended.write_bytes(b"somebody's own")
    end_without_label_map(tmp_path, 0.004)  # files are dated by a clock that ticks
    (failed,) = run(tmp_path, "two").failures
    assert failed.message.startswith("labels/0000.png is there already")
    assert ended.read_bytes() == b"somebody's own"


def test_what_a_killed_run_left_before_the_photo_ended_is_still_its_own(tmp_path, ended):
    end_without_label_map(tmp_path, 1.0)
    assert run(tmp_path, "two").exit_code == 0


def test_a_photo_that_a_killed_run_replaced_in_part_is_done_again(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    label_map = tmp_path / "out" / "labels" / "0000.png"
    before = label_map.read_bytes()
    begin_and_die(tmp_path, "0000", "0001")
    label_map.write_bytes(b"of other settings")
    report = run(tmp_path)
    assert [one.attempts for one in report.photos] == [0, 1]  # the one up to date comes first
    assert label_map.read_bytes() == before


def test_only_the_next_run_looks_for_what_a_killed_one_left(tmp_path, ended, monkeypatch):
    swept: list[object] = []
    monkeypatch.setattr(Leftovers, "sweep", lambda _, keys: swept.append(keys))
    with OutputTree(tmp_path / "out") as tree, hold_output(tree) as lock:
        leftovers = Leftovers(tree, lock, "parse", None)
        leftovers.sweep_after_kill(history_of(tmp_path / "out"), manifest_name("parse"))
        assert not swept
        begin_and_die(tmp_path, "0000")
        leftovers.sweep_after_kill(history_of(tmp_path / "out"), manifest_name("parse"))
        assert len(swept) == 1


def test_a_killed_shard_that_goes_on_keeps_no_other_shard_away(tmp_path):
    first, name = Shard(1, 2), manifest_name("parse", Shard(1, 2))
    begin_and_die(tmp_path, "0000", name=name)
    left = tmp_path / "out" / "labels" / ".m2fp-01234567.tmp"
    left.parent.mkdir()
    left.touch()
    with OutputTree(tmp_path / "out") as tree, hold_output(tree, first) as lock:
        leftovers = Leftovers(tree, lock, "parse", first)
        leftovers.sweep_after_kill(history_of(tmp_path / "out"), name)
        assert not left.exists()
        with hold_output(tree, Shard(2, 2)), pytest.raises(OutputLockedError), hold_output(tree):
            pass


@pytest.mark.parametrize("marking", [pytest.param(True, marks=needs_marks), False])
def test_compacting_keeps_claims_of_photos_that_were_done_before(tmp_path, marking):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    begin_and_die(tmp_path, "0000")
    run(tmp_path, "two")
    begin_and_die(tmp_path, "0001", marking=marking)
    with OutputTree(tmp_path / "out") as tree:
        assert compact(tree, manifest_name("parse"), history_of(tmp_path / "out"), at_least=1)
    history = history_of(tmp_path / "out")
    assert [history.is_claimed(key) for key in ("0000", "0001")] == [False, True]
    assert [history.is_marked(key) for key in ("0000", "0001")] == [True, marking]
    assert history.left() == 1


@needs_marks
@pytest.mark.parametrize("by", ["writing into it", "a new file"])
def test_a_correction_after_a_kill_stays(tmp_path, by):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    begin_and_die(tmp_path, "0000", "0001", marking=True)
    corrected = tmp_path / "out" / "labels" / "0000.png"
    if by == "a new file":
        corrected.unlink()
    corrected.write_bytes(b"corrected by hand")
    assert [one.attempts for one in run(tmp_path).photos] == [0, 0]
    (failed,) = run(tmp_path, "two").failures
    assert failed.message.startswith("labels/0000.png was changed since m2fp wrote it")
    assert corrected.read_bytes() == b"corrected by hand"


@needs_marks
@pytest.mark.parametrize("before", ["nothing", "other settings"])
@pytest.mark.parametrize("by", ["writing into it", "a new file"])
def test_a_correction_of_what_a_killed_run_wrote_stays(tmp_path, before, by):
    write_photos(tmp_path / "photos", ["ok"])
    if before != "nothing":
        run(tmp_path, before)
    name = "labels/0000.png"
    begin_and_die(tmp_path, "0000", marking=True, wrote={name: b"two"})
    if by == "a new file":
        (tmp_path / "out" / name).unlink()
    (tmp_path / "out" / name).write_bytes(b"corrected by hand")
    (failed,) = run(tmp_path, "three").failures
    assert failed.message.startswith(name)
    assert failed.reason == "conflict"
    assert (tmp_path / "out" / name).read_bytes() == b"corrected by hand"


@needs_marks
@pytest.mark.parametrize("setting", ["one", "three"])
def test_what_a_killed_run_wrote_is_replaced_although_the_clock_was_set_back(
    tmp_path, monkeypatch, setting
):
    write_photos(tmp_path / "photos", ["ok"])
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 2e9 + time.monotonic())
        run(tmp_path)
    begin_and_die(tmp_path, "0000", marking=True, wrote={"labels/0000.png": b"two"})
    assert run(tmp_path, setting).exit_code == 0
    assert all(setting.encode() in data for data in tree_of(tmp_path / "out").values())


@pytest.mark.parametrize("before", ["nothing", "other settings"])
@pytest.mark.parametrize("marking", [pytest.param(True, marks=needs_marks), False])
def test_what_a_killed_run_wrote_is_replaced(tmp_path, before, marking):
    write_photos(tmp_path / "photos", ["ok"])
    if before != "nothing":
        run(tmp_path, before)
    begin_and_die(tmp_path, "0000", marking=marking, wrote={"labels/0000.png": b"two"})
    assert run(tmp_path, before).exit_code == 0
    assert all(before.encode() in data for data in tree_of(tmp_path / "out").values())


@needs_marks
def test_a_result_that_was_copied_to_another_name_is_not_what_a_killed_run_wrote(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    begin_and_die(tmp_path, "0000", marking=True)
    labels = tmp_path / "out" / "labels"
    copied = (labels / "0001.png").read_bytes()
    shutil.copy2(labels / "0001.png", labels / "0000.png")  # with its mark
    (failed,) = run(tmp_path, "two").failures
    assert failed.message.startswith("labels/0000.png was changed since m2fp wrote it")
    assert (labels / "0000.png").read_bytes() == copied


@needs_marks
@pytest.mark.parametrize("copy", [shutil.copyfile, shutil.copy2], ids=["no marks", "marks"])
def test_marks_that_a_copy_does_not_have_say_nothing(tmp_path, copy):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    begin_and_die(tmp_path, "0000", "0001", marking=True, wrote={"labels/0000.png": b"two"})
    (tmp_path / "out").rename(tmp_path / "before")
    shutil.copytree(tmp_path / "before", tmp_path / "out", copy_function=copy)
    history = history_of(tmp_path / "out")
    assert [history.is_marked(key) for key in ("0000", "none")] == [copy is shutil.copy2, True]
    assert run(tmp_path, "three").exit_code == 0
    assert all(b"three" in data for data in tree_of(tmp_path / "out").values())


class KilledPool:
    """Takes a few photos, and its run is killed."""

    works_here: ClassVar[bool] = True

    def __init__(self) -> None:
        self.killed, self.unsettled = False, set[str]()

    def open_pool(self, order):
        return self, ""

    def run(self, tasks):
        yield from (None for _ in itertools.islice(tasks, 3))
        raise KeyboardInterrupt


def test_where_there_are_no_marks_a_run_claims_only_what_it_comes_to(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "setxattr")
    write_photos(tmp_path / "photos", ["ok"] * 80)
    run(tmp_path)
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job = ScriptedJob(tmp_path / "out", setting="two")
    with pytest.raises(KeyboardInterrupt):
        run_batch(scan, job, RunOptions(executor=KilledPool()), SilentProgress())
    corrected = tmp_path / "out" / "labels" / "0070.png"
    corrected.write_bytes(b"corrected by hand")
    history = history_of(tmp_path / "out")
    assert [history.is_claimed(key) for key in ("0000", "0002", "0070")] == [True, True, False]
    assert [one.key for one in run(tmp_path, "three").failures] == ["0070"]
    assert corrected.read_bytes() == b"corrected by hand"


def test_an_output_keeps_its_token(tmp_path):
    with OutputTree(tmp_path) as tree:
        assert token_of(tree) == ""
        token = token_of(tree, make=True)
        with hold_output(tree):
            assert token_of(tree, make=True) == token_of(tree) == token
