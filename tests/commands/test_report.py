"""``m2fp report``, and ``--report`` of other commands, without a browser."""

from __future__ import annotations

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.stamps import stamp_files
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.cli import app
from m2fp_cli.commands.option_groups import BatchOptions
from m2fp_cli.commands.running import run_and_exit
from m2fp_cli.errors import NoImagesError, OutputError
from m2fp_cli.jobs.preview import PreviewJob
from m2fp_cli.storage.tree import OutputTree
from tests.support.outputs import history_of
from tests.support.parsed_tree import make_tree
from tests.support.report_page import Page


def test_command_shows_photos_failures_and_facts(tmp_path):
    _, output = make_tree(tmp_path, failed=("broken",))
    result = CliRunner().invoke(app, ["report", str(output), "-q", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["report"] == str(output / "report.html")
    text = (output / "report.html").read_text()
    photos = Page(text).index["photos"]
    assert [photo["name"] for photo in photos[:2]] == ["a", "sub/b"]
    assert photos[2]["reason"] == "corrupt"
    assert photos[2]["name"].endswith("broken.png")
    assert photos[1]["seconds"] == pytest.approx(0.32)
    assert "drawn" in text
    assert history_of(output, "report").entries.keys() == {"a", "sub/b"}


def test_a_page_of_somebody_else_is_told_before_the_work(tmp_path):
    _, output = make_tree(tmp_path)
    (output / "report.html").write_text("mine")
    lines = (["report", output], ["tryon", output, "--hat", "cap", "--report"])
    for line in lines:
        error = CliRunner().invoke(app, list(map(str, line))).exception
        assert isinstance(error, OutputError)
        assert "report.html is there already and m2fp did not write it" in str(error)
    assert not (output / "tryon").exists()
    assert history_of(output, "report").is_empty


def test_a_page_whose_name_is_too_long_is_told_before_the_work(tmp_path):
    _, output = make_tree(tmp_path)
    page = tmp_path / f"{'a' * 300}.html"
    error = CliRunner().invoke(app, ["report", str(output), "-o", str(page)]).exception
    assert isinstance(error, OutputError)
    assert "html: the path is too long" in str(error)
    assert history_of(output, "report").is_empty


def test_previews_are_made_again_only_where_something_changed(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    line = ["report", str(output)]
    assert "1 photo: 1 new" in CliRunner().invoke(app, line).stderr
    assert "1 photo: 1 up to date" in CliRunner().invoke(app, line).stderr
    (output / "people" / "a.png").unlink()
    assert "1 photo: 1 changed" in CliRunner().invoke(app, line).stderr
    assert "1 photo: 1 up to date" in CliRunner().invoke(app, line).stderr


def test_limit_is_said(tmp_path):
    _, output = make_tree(tmp_path, ("a", "b", "c"))
    CliRunner().invoke(app, ["report", str(output), "-q", "--limit", "1"])
    text = (output / "report.html").read_text()
    assert [photo["name"] for photo in Page(text).index["photos"]] == ["a"]
    assert re.search(r"Not shown here</dt><dd>2<", text)


def test_damaged_result_is_shown_as_failed(tmp_path):
    _, output = make_tree(tmp_path)
    (output / "results" / "a.json").write_text("{")
    result = CliRunner().invoke(app, ["report", str(output), "-q"])
    assert result.exit_code == 3
    photos = Page((output / "report.html").read_text()).index["photos"]
    assert photos[0]["reason"] == "corrupt"
    assert "reason" not in photos[1]


def test_a_photo_that_failed_last_is_shown_as_failed_with_its_earlier_results(tmp_path):
    photos, output = make_tree(tmp_path)
    source = str(photos / "a.png")
    failed = ImageReport(source, "a", Status.FAILED, reason="timeout", message="took too long")
    with OutputTree(output) as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.add(failed, stamp_files([photos / "a.png"], checksum=False), "drawn")
        writer.close()
    assert CliRunner().invoke(app, ["report", str(output), "-q"]).exit_code == 0
    text = (output / "report.html").read_text()
    shown = Page(text).index["photos"][0]
    assert (shown["block"], shown["reason"], shown["message"]) == (0, "timeout", "took too long")
    assert "1 failed:" in text
    assert len(Page(text).index["photos"]) == 2


def test_nothing_to_report(tmp_path):
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert isinstance(result.exception, NoImagesError)


def test_the_page_of_results_that_may_not_be_changed(tmp_path, monkeypatch):
    _, output = make_tree(tmp_path)

    def refuse(tree: OutputTree) -> None:
        if tree.path == output:
            raise OutputError("the file system is read-only")

    monkeypatch.setattr("m2fp_cli.batch.opening.check_writable", refuse)
    page = tmp_path / "page.html"
    said = CliRunner().invoke(app, ["report", str(output), "-q"])
    assert str(said.exception) == "the file system is read-only"
    assert CliRunner().invoke(app, ["report", str(output), "-q", "-o", str(page)]).exit_code == 0
    assert len(Page(page.read_text()).index["photos"]) == 2
    assert not (output / ".m2fp" / "report").exists()


def test_parse_makes_the_page_when_asked(tmp_path, monkeypatch):
    _, output = make_tree(tmp_path)
    report = RunReport(total=0)
    monkeypatch.setattr("m2fp_cli.commands.running.run_batch", lambda *_, **__: report)
    job = PreviewJob(output, output, 64)
    batch = BatchOptions(quiet=True)
    with pytest.raises(typer.Exit):
        run_and_exit(Scan(()), job, RunOptions(), batch, where="results", page_of=output)
    assert len(Page((output / "report.html").read_text()).index["photos"]) == 2


def test_what_the_page_cannot_show_counts_in_the_runs_exit_code(tmp_path, monkeypatch, capsys):
    photos, output = make_tree(tmp_path)
    (photos / "a.png").write_bytes((photos / "sub" / "b.png").read_bytes())
    report = RunReport(total=0)
    monkeypatch.setattr("m2fp_cli.commands.running.run_batch", lambda *_, **__: report)
    job, batch = PreviewJob(output, output, 64), BatchOptions(as_json=True)
    with pytest.raises(typer.Exit) as ended:
        run_and_exit(Scan(()), job, RunOptions(), batch, where="results", page_of=output)
    shown = capsys.readouterr()
    assert ended.value.exit_code == json.loads(shown.out)["exit_code"] == 3
    assert f"failed {photos}/a.png: was changed after it was parsed" in shown.err
    assert ", 1 photo not shown, open it in a browser" in shown.err


def test_a_page_that_cannot_be_written_costs_no_summary(tmp_path, monkeypatch, capsys):
    _, output = make_tree(tmp_path)
    report = RunReport(total=0)
    monkeypatch.setattr("m2fp_cli.commands.running.run_batch", lambda *_, **__: report)
    monkeypatch.setattr("m2fp_cli.jobs.report_page.make_report", refuse)
    job, batch = PreviewJob(output, output, 64), BatchOptions(as_json=True)
    with pytest.raises(OutputError):
        run_and_exit(Scan(()), job, RunOptions(), batch, where="results", page_of=output)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == 73
    assert "0 done; results" in shown.err


def refuse(*_, **__):
    raise OutputError("the disk is full; make room")


def test_status_tells_of_every_job_that_ran_on_an_output(tmp_path):
    _, output = make_tree(tmp_path, ("a", "b"), failed=("torn",))
    (output / "results" / "b.json").write_text("{")
    for command in (["colorize", str(output), "-q"], ["report", str(output), "-q"]):
        assert CliRunner().invoke(app, command).exit_code == 3
    said = json.loads(CliRunner().invoke(app, ["status", str(output), "--json"]).stdout)["jobs"]
    done = {job: (one["done"], one["failed"]) for job, one in said.items()}
    assert done == {"parse": (2, 1), "colorize": (1, 1), "report": (1, 1)}
