from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from m2fp_cli.batch import resume
from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.listing import list_lines, open_list
from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.progress import PlainProgress, QuietProgress, SilentProgress
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.resources import look_at_machine
from m2fp_cli.batch.run import iterate_batch, run_batch
from m2fp_cli.batch.run_options import FailureCap, RunOptions, parse_failure_cap
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import ExitCode, OutputError, OutputLockedError, UsageError
from m2fp_cli.storage.tree import OutputTree
from tests.support.hostile_folders import without_rights
from tests.support.outputs import history_of, holder_of, manifest_path
from tests.support.scripted import ScriptedJob, tree_of, write_photos


def run(folder: Path, *, job: ScriptedJob | None = None, **options: object) -> RunReport:
    output = folder / "out"
    scan = find_images([folder / "photos"], rules=ScanRules(recursive=True), output=output)
    run_options = RunOptions(**{"workers": 2, **options})  # type: ignore[arg-type]
    return run_batch(scan, job or ScriptedJob(output), run_options, QuietProgress())


def statuses(report: RunReport) -> dict[str, str]:
    return {Path(photo.source).stem: photo.status.value for photo in report.photos}


# ---------------------------------------------------------------------------------- done is done


class AskedToEnd(ScriptedJob):
    """Its process gets a signal while a run looks at what is done."""

    def depends_on(self, task):
        os.kill(os.getpid(), signal.SIGTERM)
        return super().depends_on(task)


def test_a_run_that_is_asked_to_end_while_it_plans_begins_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "KEYS_AT_ONCE", 1)
    write_photos(tmp_path / "photos", ["ok"] * 4)
    run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json*")}
    report = run(tmp_path, job=AskedToEnd(tmp_path / "out"))
    assert (report.total, len(report.photos), report.ended_by) == (4, 0, signal.SIGTERM)
    assert report.exit_code == 128 + signal.SIGTERM
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json*")}


class Heavy(ScriptedJob):
    """Its workers take half of any machine's memory, they say."""

    def memory_bytes(self):
        return look_at_machine().memory_bytes // 2


def test_more_workers_than_there_is_room_for_begin_nothing(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    with pytest.raises(UsageError, match="9999 workers are too many"):
        run(tmp_path, job=Heavy(tmp_path / "out"), workers=9999)
    with pytest.raises(UsageError, match="9999 threads for one worker are too many"):
        run(tmp_path, threads=9999)
    assert not (tmp_path / "out").exists()


def test_what_is_done_is_not_done_again(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 4)
    assert set(statuses(run(tmp_path)).values()) == {"done"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    again = run(tmp_path)
    assert set(statuses(again).values()) == {"up-to-date"}
    assert again.exit_code == ExitCode.OK
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}


def test_new_changed_and_missing_photos_are_done_and_others_not(tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok"] * 4)
    run(tmp_path)
    photos[1].write_text("ok changed")
    (tmp_path / "out" / "labels" / "0002.png").unlink()
    write_photos(tmp_path / "photos", {"0004.jpg": "ok"})
    report = run(tmp_path)
    found = statuses(report)
    assert {name for name, status in found.items() if status == "done"} == {"0001", "0002", "0004"}
    assert len(found) == 5


def test_other_settings_do_everything_again_and_remove_what_they_do_not_write(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    history = history_of(tmp_path / "out")
    path = manifest_path(tmp_path / "out", "parse")
    path.write_text(
        path.read_text().replace('"labels/0000.png"', '"labels/0000.png","masks/0000/a.png"')
    )
    assert history.entries["0000"].report.files[0] == "labels/0000.png"
    (tmp_path / "out" / "masks" / "0000").mkdir(parents=True)
    (tmp_path / "out" / "masks" / "0000" / "a.png").touch()
    run(tmp_path, job=ScriptedJob(tmp_path / "out", setting="two"))
    files = tree_of(tmp_path / "out")
    assert all(b"two" in data for data in files.values())
    assert "masks/0000/a.png" not in files
    assert len(files) == 4


def test_a_manifest_with_a_torn_end_goes_on(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 3)
    run(tmp_path)
    path = manifest_path(tmp_path / "out", "parse")
    *lines, last_photo, _end = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) + last_photo[:-20])
    assert sorted(statuses(run(tmp_path)).values()) == ["done", "up-to-date", "up-to-date"]
    assert set(statuses(run(tmp_path)).values()) == {"up-to-date"}


def test_failures_are_remembered_and_still_count(tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok", "bad", "crash"])
    assert run(tmp_path).exit_code == ExitCode.SOME_FAILED
    again = run(tmp_path)
    assert statuses(again) == {"0000": "up-to-date", "0001": "failed", "0002": "quarantined"}
    assert again.exit_code == ExitCode.SOME_FAILED
    assert [photo.attempts for photo in again.photos] == [0, 0, 0]
    photos[1].write_text("ok now")
    photos[2].write_text("ok now")
    assert run(tmp_path).exit_code == ExitCode.OK


def test_a_photo_that_became_broken_loses_its_old_results(tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok", "ok"])
    run(tmp_path)
    photos[0].write_text("bad")
    run(tmp_path)
    assert sorted(tree_of(tmp_path / "out")) == ["labels/0001.png", "results/0001.json"]


def test_names_that_are_no_text_survive_the_manifest(tmp_path):
    names = [os.fsdecode(name) for name in (b"caf\xe9.jpg", b"line\nbreak.jpg", b"[red].jpg")]
    write_photos(tmp_path / "photos", dict.fromkeys(names, "ok"))
    assert set(statuses(run(tmp_path)).values()) == {"done"}
    assert set(statuses(run(tmp_path)).values()) == {"up-to-date"}
    assert sorted(history_of(tmp_path / "out").entries) == sorted(n[:-4] for n in names)


# ------------------------------------------------------------------------------- what ends a run


def test_a_full_disk_keeps_what_is_done_and_leaves_nothing_half_written(tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok"] * 5 + ["full"] + ["ok"] * 30)
    with pytest.raises(OutputError, match="the disk is full") as caught:
        run(tmp_path, workers=1)
    assert caught.value.exit_code == ExitCode.CANNOT_WRITE
    assert len(history_of(tmp_path / "out").entries) >= 3
    assert not list((tmp_path / "out").rglob("*.tmp"))
    photos[5].write_text("ok")
    report = run(tmp_path)
    assert report.exit_code == ExitCode.OK
    assert report.count(Status.UP_TO_DATE) >= 3


def test_a_manifest_that_cannot_be_written_ends_the_run(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 3)
    manifest = manifest_path(tmp_path / "out", "parse")
    manifest.parent.mkdir(parents=True)
    manifest.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="links in an output are not followed"):
        run(tmp_path)


def test_a_full_disk_is_named_by_the_manifest(tmp_path, monkeypatch):
    with OutputTree(tmp_path) as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        monkeypatch.setattr(os, "write", lambda _descriptor, data: len(data) - 1)
        with pytest.raises(OutputError, match=r"manifest\.jsonl: the disk is full"):
            writer.claim(["a"])


def test_a_file_made_by_a_killed_run_is_replaced_and_one_of_the_user_is_not(tmp_path):
    """The killed run had said that it would do the first photo, but not that it had."""
    write_photos(tmp_path / "photos", ["ok"] * 2)
    with OutputTree(tmp_path / "out", create=True) as tree:
        ManifestWriter(tree, manifest_name("parse")).claim(["0000"])
    for key in ("0000", "0001"):
        (tmp_path / "out/labels").mkdir(exist_ok=True)
        (tmp_path / f"out/labels/{key}.png").write_text("old")
    report = run(tmp_path)
    assert statuses(report) == {"0000": "done", "0001": "failed"}
    assert report.failures[0].reason == "conflict"
    assert (tmp_path / "out/labels/0001.png").read_text() == "old"
    (tmp_path / "out/labels/0000.png").unlink()
    assert statuses(run(tmp_path, overwrite=True)) == {"0000": "done", "0001": "done"}


def test_an_output_that_may_not_be_written_is_said_before_any_work():
    with without_rights() as folder:
        write_photos(folder / "photos", ["ok"])
        (folder / "out").mkdir()
        (folder / "out").chmod(0o555)
        with pytest.raises(OutputError, match="no permission to write there"):
            run(folder)


def test_too_many_failures_end_a_run_early(tmp_path):
    write_photos(tmp_path / "photos", ["bad"] * 5 + ["sleep 0.3"] * 40)
    report = run(tmp_path, max_failures=FailureCap(2), workers=1)
    assert report.exit_code == ExitCode.SOME_FAILED
    assert "--max-failures" in report.stopped
    assert report.total - len(report.photos) > 20


def test_what_is_known_to_fail_before_the_work_ends_no_run_early(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 3)
    (tmp_path / "photos" / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "out/labels").mkdir(parents=True)
    (tmp_path / "out/labels/0000.png").write_text("somebody's own")
    report = run(tmp_path, max_failures=FailureCap(0), workers=1)
    assert (report.stopped, report.done, len(report.failures)) == ("", 2, 2)


@pytest.mark.parametrize(
    ("text", "failures", "photos", "exceeded"),
    [("0", 1, 9, True), ("3", 3, 9, False), ("3", 4, 9, True), ("10%", 2, 20, False),
     ("10%", 3, 20, True), ("0.5%", 1, 100, True)],
)  # fmt: skip
def test_failure_caps(text, failures, photos, exceeded):
    assert parse_failure_cap(text).is_exceeded(failures, photos) is exceeded


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "-3%", "%", "inf%", "nan%"])
def test_no_failure_caps(text):
    with pytest.raises(UsageError, match="--max-failures takes"):
        parse_failure_cap(text)


# --------------------------------------------------------------------------- one run at a time


def test_a_second_run_is_told_who_holds_the_output(tmp_path):
    write_photos(tmp_path / "photos", ["ok"])
    with hold_output(OutputTree(tmp_path / "out", create=True)):
        assert f"process {os.getpid()}" in holder_of(tmp_path / "out")
        with pytest.raises(OutputLockedError, match=f"process {os.getpid()} on") as caught:
            run(tmp_path)
    assert caught.value.exit_code == ExitCode.LOCKED
    assert holder_of(tmp_path / "out") == ""
    assert run(tmp_path).exit_code == ExitCode.OK


# --------------------------------------------------------------------------------- what is said


def test_the_log_file_holds_one_json_object_per_line(tmp_path):
    write_photos(tmp_path / "photos", {"a.jpg": "ok", "b[red]\n.jpg": "bad"})
    log = tmp_path / "logs" / "run.jsonl"
    run(tmp_path, log_file=log)
    run(tmp_path, log_file=log)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events][:3] == ["todo", "todo", "start"]
    photos = [event for event in events if event["event"] == "photo"]
    assert {photo["status"] for photo in photos} == {"done", "failed"}
    assert events[-1]["event"] == "end"
    assert events[-1]["exit_code"] == ExitCode.SOME_FAILED


@pytest.mark.parametrize(("rerun", "done"), [("all", 1), ("changed", 0)])
def test_a_program_may_write_rerun_and_log_file_as_texts(tmp_path, rerun, done):
    write_photos(tmp_path / "photos", {"a.jpg": "ok"})
    assert run(tmp_path).done == 1
    log = str(tmp_path / "run.jsonl")
    assert run(tmp_path, rerun=rerun, log_file=log).done == done
    assert '"event":"end"' in Path(log).read_text()


@pytest.mark.parametrize("second", [13_569_465_600, -(2**31)])  # the years 2400, 1901
def test_a_photo_of_a_clock_that_was_set_wrong_is_known_again(tmp_path, second):
    (photo,) = write_photos(tmp_path / "photos", {"a.jpg": "ok"})
    os.utime(photo, (second, second))
    if photo.stat().st_mtime != second:
        pytest.skip("the file system does not hold such times")
    assert run(tmp_path).done == 1
    assert run(tmp_path).count(Status.UP_TO_DATE) == 1
    listed = tmp_path / "photos.jsonl"
    lines = list_lines(find_images([photo], output=None, rules=ScanRules(stamps=True)).tasks)
    listed.write_text("\n".join(lines))
    with open_list(listed) as photos:
        (task,) = photos.scan(None, output=tmp_path / "out", rules=ScanRules()).tasks
    assert task.listed is not None
    assert task.listed.mtime_ns == second * 10**9


def test_a_log_is_not_written_into_a_photo(tmp_path):
    photos = write_photos(tmp_path / "photos", {"a.jpg": "ok"})
    before = photos[0].read_bytes()
    with pytest.raises(OutputError, match=r"a\.jpg is there already and is no log of m2fp; give"):
        run(tmp_path, log_file=photos[0])
    assert photos[0].read_bytes() == before
    (tmp_path / "empty").touch()
    assert run(tmp_path, log_file=tmp_path / "empty").done == 1


def test_a_log_gets_a_line_per_half_minute_and_one_per_failure(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    progress = PlainProgress()
    progress.start(100)
    for number in range(10):
        status = Status.FAILED if number == 4 else Status.DONE
        progress.advance(ImageReport(f"{number}.jpg", "", status, message="is damaged"))
        progress.tick()
    lines = capsys.readouterr().err.splitlines()
    assert "failed 4.jpg: is damaged" in lines
    assert len(lines) == 1 + 20 // 3


def test_reports_stream_out_of_a_generator_and_closing_it_ends_the_run(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 3 + ["sleep 1"] * 30)
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job = ScriptedJob(tmp_path / "out")
    reports = iterate_batch(scan, job, RunOptions(workers=1))
    assert next(reports).status is Status.DONE
    reports.close()
    assert holder_of(tmp_path / "out") == ""
    assert not list((tmp_path / "out").rglob("*.tmp"))
    again = iterate_batch(scan, job, RunOptions(workers=1))
    assert next(again).status is Status.UP_TO_DATE
    again.close()


@pytest.mark.slow
def test_two_thousand_photos_leave_nothing_behind(tmp_path):
    """No descriptor more in the parent, no memory more in the workers, the same pace to the end."""
    write_photos(tmp_path / "first/photos", ["ok"])
    assert run(tmp_path / "first").done == 1  # the server that workers come from stays
    write_photos(tmp_path / "photos", ["sleep 0.01"] * 2000)
    log = tmp_path / "run.jsonl"
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert run(tmp_path, log_file=log).done == 2000
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    events = [json.loads(line) for line in log.read_text().splitlines()]
    sizes = [event["resident_bytes"] for event in events if event["event"] == "photo"]
    assert max(sizes[1000:]) < max(sizes[:100]) + 20_000_000


def test_silent_progress_says_nothing(capsys):
    progress = SilentProgress()
    for call in (progress.say, progress.detail, progress.warn):
        call("a word")
    progress.close()
    assert capsys.readouterr() == ("", "")
