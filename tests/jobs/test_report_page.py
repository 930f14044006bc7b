"""Making the report's page: previews, facts, and where it goes."""

from __future__ import annotations

import signal
import time

import pytest

from m2fp_cli.batch.history import History, manifest_name, signature_digest
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.progress import choose_progress
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.shard import Shard
from m2fp_cli.jobs.earlier import find_parsed
from m2fp_cli.jobs.preview import PreviewJob, PreviewWorker
from m2fp_cli.jobs.report_page import PageSettings, make_report, parse_facts
from m2fp_cli.render.previews import read_preview
from m2fp_cli.render.report import ParseFacts
from m2fp_cli.storage.tree import OutputTree
from tests.support.outputs import history_of, manifest_path
from tests.support.parsed_tree import make_tree
from tests.support.report_page import preview_of


def test_preview_survives_the_disk(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    task = find_parsed(output).tasks[0]
    worker = PreviewWorker(PreviewJob(output, output, 64))
    report = worker.save(task, None)
    assert report.files == (".m2fp/report/a.json",)
    assert read_preview(OutputTree(output), "a") == preview_of(output)


def test_facts_are_those_of_the_latest_run_and_the_mean_of_all_photos(tmp_path):
    assert parse_facts(History()) == ParseFacts()
    _, output = make_tree(tmp_path, failed=("broken",))
    facts = parse_facts(history_of(output))
    assert (facts.model, facts.engine) == ("drawn", "")
    assert facts.started == pytest.approx(time.time(), abs=60)
    means = {stage.name: stage.seconds for stage in facts.stages}
    assert list(means) == ["read", "preprocess", "network", "postprocess", "write"]
    assert means["network"] == pytest.approx((0.2 + 0.3) / 2)


def test_facts_name_each_model_and_the_run_that_began_last(tmp_path):
    _, output = make_tree(tmp_path, ("a", "b", "c"))
    entries = history_of(output).entries
    with OutputTree(output) as tree:
        for number, model, keys in ((2, "old", ("b",)), (1, "new", ("a", "c"))):
            writer = ManifestWriter(tree, manifest_name("parse", Shard(number, 2)))
            settings = {"model": model, "engine": model}
            writer.start(settings, 1, 1, at=time.time() - 100.0 * number)
            for entry in (entries[key] for key in keys):
                writer.add(entry.report, entry.stamp, signature_digest(settings))
            writer.close()
        manifest_path(output, "parse").unlink()
    facts = parse_facts(history_of(output))
    assert (facts.model, facts.engine) == ("new (2 photos), old (1 photo)", "new")


def test_a_signal_leaves_no_page_of_a_part_of_the_photos(tmp_path, monkeypatch, capsys):
    _, output = make_tree(tmp_path)
    ended = RunReport(total=2, ended_by=signal.SIGTERM)
    monkeypatch.setattr("m2fp_cli.jobs.report_page.run_batch", lambda *_, **__: ended)
    progress = choose_progress(quiet=True, verbose=False)
    made = make_report(output, PageSettings(limit=10), workers=1, progress=progress)
    assert (made.page, made.previews.exit_code) == (None, ended.exit_code)
    assert not (output / "report.html").exists()
    said = "interrupted before the page was written; run the same command again\n"
    assert capsys.readouterr().err == said
