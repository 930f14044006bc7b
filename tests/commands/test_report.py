"""The report's page and its previews, without a browser."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from m2fp_cli.batch.history import History
from m2fp_cli.batch.report import RunReport
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.cli import app
from m2fp_cli.commands.option_groups import BatchOptions
from m2fp_cli.commands.running import run_and_exit
from m2fp_cli.errors import NoImagesError, OutputError
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.jobs.earlier import find_parsed
from m2fp_cli.jobs.preview import PreviewJob, PreviewWorker
from m2fp_cli.jobs.report_page import parse_facts
from m2fp_cli.layout import preview_name
from m2fp_cli.render.maps import read_result_maps
from m2fp_cli.render.previews import encode_preview, make_preview, read_preview
from m2fp_cli.render.report import PageBuilder, ParseFacts
from m2fp_cli.storage.tree import OutputTree
from tests.support.outputs import history_of
from tests.support.parsed_tree import FACE, HAIR, PANTS, UPPER, make_tree, two_people


class Page(HTMLParser):
    """Scripts by their id, and every attribute that could load something."""

    def __init__(self, text):
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.addresses: list[str] = []
        self._script: str | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "action", "data") and v]
        self._script = values.get("id", "") if tag == "script" else None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    @property
    def index(self):
        return json.loads(self.scripts["index"])


def preview_of(output, key="a", side=64):
    task = next(task for task in find_parsed(output).tasks if task.key == key)
    tree = OutputTree(output)
    photo = read_image(task.source).image_bgr if task.source.is_file() else None
    return make_preview(tree, key, photo, read_result_maps(tree, key), side=side)


def picture(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def page_of(output, **changes):
    builder = PageBuilder("photos")
    builder.add_photo("a", replace(preview_of(output), **changes), None)
    return Page(builder.render(ParseFacts(), left_out=0))


def test_preview_keeps_ids_apart_and_scores_whole(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    preview = preview_of(output)
    assert preview.hw == (48, 64)
    ids = picture(preview.ids)
    small = two_people((48, 64))
    assert set(np.unique(ids[..., 0])) == {0, HAIR, FACE, UPPER, PANTS}
    assert (ids[..., 0] == small.semantic_map).mean() > 0.97
    assert (ids[..., 1] == small.person_map).mean() > 0.97
    assert [(one.id, round(one.score, 2)) for one in preview.people] == [(1, 0.8), (2, 0.7)]
    assert preview.people[0].parts[0] == (HAIR, HAIR / 100)


def test_the_page_counts_people_who_are_surely_there(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    first, second, *rest = preview_of(output).people
    page = page_of(output, people=(first, replace(second, score=0.49), *rest))
    (photo,) = page.index["photos"]
    assert photo["people"] == 1


def test_preview_of_a_moved_photo_has_none(tmp_path):
    photos, output = make_tree(tmp_path, ("a",))
    (photos / "a.png").unlink()
    preview = preview_of(output)
    assert preview.photo == ""
    assert picture(preview.thumbnail).any()


def test_preview_shows_the_composite(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    (output / "tryon").mkdir()
    Image.new("RGB", (160, 120), (200, 30, 30)).save(output / "tryon" / "a.png")
    shown = picture(preview_of(output).tryon)
    assert shown.shape == (48, 64, 3)
    assert abs(shown.astype(int) - (200, 30, 30)).max() < 12


def test_preview_survives_the_disk(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    task = find_parsed(output).tasks[0]
    worker = PreviewWorker(PreviewJob(output, output, 64))
    report = worker.save(task, None)
    assert report.files == (".m2fp/report/a.json",)
    assert read_preview(OutputTree(output), "a") == preview_of(output)


def test_people_above_255_keep_their_number(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    maps = read_result_maps(OutputTree(output), "a")
    many = np.full(maps.image_hw, 700, np.uint16)
    crowded = replace(maps, person_map=many)
    preview = make_preview(OutputTree(output), "a", None, crowded, side=64)
    ids = picture(preview.ids).astype(int)
    assert (ids[..., 1] + 256 * ids[..., 2] == 700).all()


def test_page_asks_for_nothing_from_anywhere(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    builder = PageBuilder("photos")
    builder.add_photo("a", preview_of(output), None)
    text = builder.render(ParseFacts(), left_out=0)
    assert all(address.startswith(("data:", "#")) for address in Page(text).addresses)
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttp", text)
    assert "default-src &#39;none&#39;; img-src data:;" in text


def test_names_are_text_and_nothing_else(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    evil = "</script><img src=x onerror=alert(1)>{{7*7}}\u202e.jpg"
    builder = PageBuilder(evil)
    builder.add_photo(evil, preview_of(output), None)
    builder.add_failure(evil, "corrupt", evil)
    page = Page(builder.render(ParseFacts(), left_out=0))
    assert page.index["photos"][0]["name"].startswith(
        "</script><img src=x onerror=alert(1)>{{7*7}}"
    )
    assert "x" not in page.addresses
    assert set(page.scripts) == {"index", "", "block-0"}


def test_label_names_are_text_too(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    names = list(preview_of(output).labels)
    names[HAIR] = "</script><b>"
    page = page_of(output, labels=tuple(names))
    assert page.index["labelSets"][0]["names"][HAIR] == "</script><b>"


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


def test_facts_are_those_of_the_latest_run_and_the_mean_of_all_photos(tmp_path):
    assert parse_facts(History()) == ParseFacts()
    _, output = make_tree(tmp_path, failed=("broken",))
    facts = parse_facts(history_of(output))
    assert (facts.model, facts.engine) == ("drawn", "")
    assert facts.started == pytest.approx(time.time(), abs=60)
    means = {stage.name: stage.seconds for stage in facts.stages}
    assert list(means) == ["read", "preprocess", "network", "postprocess", "write"]
    assert means["network"] == pytest.approx((0.2 + 0.3) / 2)


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", "\x1b[2J"),
        ("labels", ["a", "a"]),
        ("label_ids", [500]),
        ("hw", [None, 64]),
        ("people", [{"id": 1, "score": 0.5, "parts": [[1, 2, 3]]}]),
        ("people", True),
        ("photo", "https://example.com/count.png"),
        ("ids", None),
    ],
)
def test_a_preview_that_a_stranger_made_is_checked(tmp_path, name, value):
    _, output = make_tree(tmp_path)
    preview = preview_of(output)
    path = output / preview_name("a")
    path.parent.mkdir(parents=True)
    document = json.loads(encode_preview(preview))
    with OutputTree(output) as tree:
        path.write_text(json.dumps(document))
        assert read_preview(tree, "a") == preview
        path.write_text(json.dumps({**document, name: value}))
        with pytest.raises(OutputError, match="run it again"):
            read_preview(tree, "a")


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
