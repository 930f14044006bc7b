from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.batch.history import find_manifests, manifest_name, read_history
from m2fp_cli.batch.listing import list_lines, open_list
from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.manifest import ManifestWriter, compact
from m2fp_cli.batch.progress import QuietProgress
from m2fp_cli.batch.resume import ResumePlan, plan_resume
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.slices import SliceStatus, as_ranges, latest_cuts, read_slices
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.commands.status import read_status
from m2fp_cli.errors import ExitCode, OutputLockedError
from m2fp_cli.storage.tree import OutputTree
from tests.support.scripted import ScriptedJob, tree_of, write_photos


@pytest.fixture
def photo_list(tmp_path) -> Path:
    """A list of twelve photos."""
    write_photos(tmp_path / "photos", ["ok"] * 12)
    scan = find_images([tmp_path / "photos"], output=None)
    path = tmp_path / "photos.jsonl"
    path.write_text("".join(f"{line}\n" for line in list_lines(scan.tasks)))
    return path


def run(photo_list: Path, number: int, count: int = 3, **job: object) -> RunReport:
    output, shard = photo_list.parent / "out", Shard(number, count)
    with open_list(photo_list) as photos:
        scan = photos.scan(shard, output=output, rules=ScanRules())
    options = RunOptions(workers=1, shard=shard)
    return run_batch(scan, ScriptedJob(output, **job), options, QuietProgress())  # type: ignore[arg-type]


def run_plain(photo_list: Path) -> RunReport:
    """All photos, by their folder."""
    output = photo_list.parent / "out"
    scan = find_images([photo_list.parent / "photos"], output=output)
    return run_batch(scan, ScriptedJob(output), RunOptions(workers=1), QuietProgress())


def slices_of(output: Path) -> list[SliceStatus]:
    with OutputTree(output) as tree:
        history = read_history(tree)
        return read_slices(latest_cuts(find_manifests(tree, "parse"), history), history)


def test_slices_do_each_photo_once_and_status_merges_them(photo_list):
    output = photo_list.parent / "out"
    assert [run(photo_list, number).done for number in (3, 1)] == [4, 4]
    (status,) = slices_of(output)
    assert (status.finished, status.unfinished, status.not_begun) == (2, (), (2,))
    assert status.line() == "2 of 3 slices finished; not begun: 2"
    assert run(photo_list, 2).done == 4
    assert slices_of(output)[0].finished == 3
    with OutputTree(output) as tree:
        assert len(read_history(tree).entries) == 12
        assert len(find_manifests(tree, "parse")) == 3


def test_a_finished_slice_is_not_done_again(photo_list):
    run(photo_list, 1)
    before = tree_of(photo_list.parent / "out")
    again = run(photo_list, 1)
    assert (again.done, again.total, again.exit_code) == (0, 4, ExitCode.OK)
    assert tree_of(photo_list.parent / "out") == before


def test_a_slice_does_not_read_what_the_others_of_its_list_did(photo_list):
    run(photo_list, 1)
    with OutputTree(photo_list.parent / "out") as tree, open_list(photo_list) as photos:
        own = Shard(2, 3, photos.identity())
        assert read_history(tree, own=own).is_empty
        assert len(read_history(tree, own=Shard(1, 3, own.listing)).entries) == 4
        assert len(read_history(tree, own=Shard(2, 4, own.listing)).entries) == 4
        assert len(read_history(tree, own=Shard(2, 3)).entries) == 4


def test_another_number_of_slices_goes_on_from_what_is_done(photo_list):
    run(photo_list, 1)
    counts = [(report.done, report.total) for n in (1, 2) if (report := run(photo_list, n, 2))]
    assert counts == [(2, 6), (6, 6)]


def test_an_old_cut_says_nothing_of_what_is_left(photo_list):
    output = photo_list.parent / "out"
    with OutputTree(output, create=True) as tree, open_list(photo_list) as photos:
        old = manifest_name("parse", Shard(1, 3, photos.identity()))
        writer = ManifestWriter(tree, old)
        writer.start({}, 4, 4)
        writer.end()  # interrupted in good order
        writer.close()
        before = read_status(tree, "parse")
        assert before is not None
        assert before.left == 4
        for number in (1, 2):
            run(photo_list, number, 2)
        status = read_status(tree, "parse")
        assert status is not None
        assert (status.done, status.left) == (12, 0)
        assert [one.line() for one in status.slices] == ["2 of 2 slices finished"]


def test_what_others_do_again_is_not_left(photo_list):
    output = photo_list.parent / "out"
    run_plain(photo_list)
    for number in (1, 2):
        run(photo_list, number, 2, setting="two")
    with OutputTree(output) as tree:
        name, history = manifest_name("parse"), read_history(tree)
        assert history.left() == 0
        assert compact(tree, name, history, at_least=1)
        assert read_history(tree).left() == 0


def test_a_slice_without_photos_is_finished(photo_list):
    report = run(photo_list, 50, 100)
    assert (report.total, report.exit_code) == (0, ExitCode.OK)
    assert slices_of(photo_list.parent / "out")[0].finished == 1


def test_the_same_photo_in_two_slices_is_a_conflict_not_an_overwrite(photo_list):
    lines = photo_list.read_text().splitlines()
    other = {**json.loads(lines[0]), "photo": json.loads(lines[-1])["photo"]}
    photo_list.write_text("\n".join([*lines[:-1], json.dumps(other)]) + "\n")
    run(photo_list, 1)
    before = tree_of(photo_list.parent / "out" / "results")
    last = run(photo_list, 3, setting="two")
    assert [photo.reason for photo in last.failures] == ["conflict"]
    after = tree_of(photo_list.parent / "out" / "results")
    assert {name: after[name] for name in before} == before


def test_photos_that_two_cuts_did_at_once_are_done_and_not_in_the_way(photo_list, monkeypatch):
    def plan_and_be_late(*planned: Any) -> ResumePlan:
        plan = plan_resume(*planned)
        monkeypatch.undo()
        run(photo_list, 1)
        return plan

    monkeypatch.setattr("m2fp_cli.batch.run.plan_resume", plan_and_be_late)
    report = run(photo_list, 1, 2)
    assert [photo.reason for photo in report.failures] == ["conflict"] * 4
    report = run(photo_list, 1, 2)
    assert (report.failures, report.exit_code) == ([], ExitCode.OK)


def test_one_process_a_slice(photo_list):
    with open_list(photo_list) as photos:
        own = Shard(1, 3, photos.identity())
    with (
        OutputTree(photo_list.parent / "out", create=True) as tree,
        hold_output(tree, own),
        pytest.raises(OutputLockedError),
    ):
        run(photo_list, 1)


def test_the_slice_of_a_killed_run_is_free_and_loses_nothing(photo_list, tmp_path):
    scripts = sorted((tmp_path / "photos").iterdir())
    scripts[1].write_text("hang")
    code = (
        "import sys; from pathlib import Path; from tests.batch.test_slices import run\n"
        "run(Path(sys.argv[1]), 1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, photo_list], start_new_session=True)
    results = tmp_path / "out" / "results"
    while not results.is_dir() or not list(results.rglob("*.json")):
        time.sleep(0.05)
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert slices_of(tmp_path / "out")[0].unfinished == (1,)
    scripts[1].write_text("ok")
    report = run(photo_list, 1)
    assert (report.total, report.exit_code) == (4, ExitCode.OK)
    assert report.done in (3, 4)  # the first may not have reached the manifest
    assert slices_of(tmp_path / "out")[0].finished == 1


def test_a_slice_killed_behind_its_last_photo_is_finished_by_the_next_run(photo_list):
    run(photo_list, 1)
    (manifest,) = (photo_list.parent / "out" / ".m2fp").glob("manifest-*.jsonl")
    *lines, end = manifest.read_text().splitlines(keepends=True)
    assert '"end":true' in end
    manifest.write_text("".join(lines))
    assert slices_of(photo_list.parent / "out")[0].unfinished == (1,)
    assert run(photo_list, 1).done == 0
    assert slices_of(photo_list.parent / "out")[0].unfinished == ()


def test_a_slice_whose_rest_another_run_did_is_finished_by_the_next_run(photo_list):
    output = photo_list.parent / "out"
    with OutputTree(output, create=True) as tree, open_list(photo_list) as photos:
        writer = ManifestWriter(tree, manifest_name("parse", Shard(1, 3, photos.identity())))
        writer.start({}, 4, 4)
        writer.end()  # stopped in good order
        writer.close()
    run_plain(photo_list)
    assert run(photo_list, 1).done == 0
    assert slices_of(output)[0].unfinished == ()


def test_photos_that_were_deleted_are_not_left_for_ever(photo_list):
    output, photos = photo_list.parent / "out", photo_list.parent / "photos"
    with OutputTree(output, create=True) as tree:
        run_plain(photo_list)
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.start({}, 15, 3)
        writer.end()  # stopped in good order; then these three are deleted
        writer.close()
        one = find_images([photos / "0000.jpg"], output=output)
        run_batch(one, ScriptedJob(output), RunOptions(workers=1), QuietProgress())
        assert read_history(tree).left() == 3  # other photos say nothing of it
        run_plain(photo_list)
        assert read_history(tree).left() == 0


def test_numbers_are_shown_as_schedulers_take_them():
    assert as_ranges((3, 17, 45, 46, 47, 50)) == "3,17,45-47,50"
    assert as_ranges(()) == ""
