from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from m2fp_cli.batch.entries import Entries
from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.lines import VERSION
from m2fp_cli.batch.manifest import ManifestWriter, compact, forget
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import stamp_files
from m2fp_cli.errors import OutputError
from m2fp_cli.storage.errors import UnreadableError
from m2fp_cli.storage.tree import OutputTree
from tests.support.outputs import history_of, manifest_path


def write_manifest(path: Path, *, runs: int, photos: int) -> None:
    for _ in range(runs):
        output, name = path.parent.parent, path.relative_to(path.parent.parent).as_posix()
        writer = ManifestWriter(OutputTree(output), name)
        writer.start({"setting": "one"}, photos, photos)
        for number in range(photos):
            report = ImageReport(f"/p/{number}\udcff.jpg", f"{number}\udcff", Status.DONE, people=2)
            writer.add(report, stamp_files([path], checksum=False), "sig")
        writer.close()


def test_a_manifest_comes_back_as_it_was_written(tmp_path):
    write_manifest(manifest_path(tmp_path, "parse"), runs=2, photos=3)
    history = history_of(tmp_path)
    assert sorted(history.entries) == ["0\udcff", "1\udcff", "2\udcff"]
    entry = history.entries["1\udcff"]
    assert entry.report == ImageReport("/p/1\udcff.jpg", "1\udcff", Status.DONE, people=2)
    assert len(history.runs) == 2
    assert history.left() == 0


@pytest.mark.parametrize("field", ["sure_people", "failed_checks", "dressed"])
@pytest.mark.parametrize("counted", [0, 1])
def test_a_manifest_may_say_what_older_ones_do_not(tmp_path, counted, field):
    path = manifest_path(tmp_path, "parse")
    report = ImageReport("/p/a.jpg", "a", Status.DONE, people=2, **{field: counted})
    with OutputTree(tmp_path) as tree:
        writer = ManifestWriter(tree, path.relative_to(tmp_path).as_posix())
        writer.add(report, (), "sig")
        writer.close()
    assert history_of(tmp_path).entries["a"].report == report
    line = path.read_text().replace(f', "{field}": {counted}', "")
    path.write_text(line.replace(f',"{field}":{counted}', ""))
    assert field not in path.read_text()
    assert getattr(history_of(tmp_path).entries["a"].report, field) is None


def test_why_things_were_put_on_nobody_comes_back_from_a_manifest(tmp_path):
    path = manifest_path(tmp_path, "tryon")
    reasons = (("a coat is worn", 2), ("the neck is covered", 1))
    report = ImageReport("/p/a.jpg", "a", Status.DONE, people=3, dressed=0, not_put_on=reasons)
    with OutputTree(tmp_path) as tree:
        writer = ManifestWriter(tree, path.relative_to(tmp_path).as_posix())
        writer.add(report, (), "sig")
        writer.close()
    assert history_of(tmp_path, "tryon").entries["a"].report == report
    document = json.loads(path.read_text())
    del document["not_put_on"]
    path.write_text(json.dumps(document) + "\n")
    assert history_of(tmp_path, "tryon").entries["a"].report.not_put_on == ()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_costs_one_photo(tmp_path, cut):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=1, photos=3)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(history_of(tmp_path).entries) == (3 if cut == 1 else 2)
    write_manifest(path, runs=1, photos=3)
    assert len(history_of(tmp_path).entries) == 3
    assert history_of(tmp_path).left() == 0


def test_lines_that_are_not_ours_are_left_out(tmp_path):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=1, photos=1)
    lines = [
        "",
        "null",
        "[]",
        "\x00\x00",
        '{"v":1,"key":"x"}',
        '{"v":"9","key":"x"}',
        f'{{"v":{VERSION}}}',
        f'{{"v":{VERSION},"key":"y"}}',
    ]
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    assert sorted(history_of(tmp_path).entries) == ["0\udcff"]


def test_a_manifest_of_a_newer_m2fp_is_refused_and_kept(tmp_path):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=1, photos=2)
    text = path.read_text() + f'{{"v":{VERSION + 1},"key":"x"}}\n'
    path.write_text(text)
    with pytest.raises(UnreadableError, match=r"jsonl was written by a newer m2fp .*; update m2fp"):
        history_of(tmp_path)
    with pytest.raises(UnreadableError, match="newer m2fp"):
        forget(OutputTree(tmp_path), manifest_name("parse"), {"0\udcff"})
    assert path.read_text() == text


def test_manifests_of_shards_are_read_together_and_jobs_apart(tmp_path):
    write_manifest(manifest_path(tmp_path, "parse", Shard(1, 2)), runs=1, photos=2)
    write_manifest(manifest_path(tmp_path, "parse", Shard(2, 2)), runs=1, photos=3)
    write_manifest(manifest_path(tmp_path, "tryon"), runs=1, photos=7)
    assert len(history_of(tmp_path).entries) == 3
    assert len(history_of(tmp_path, "tryon").entries) == 7
    assert len(history_of(tmp_path).latest) == 2


@pytest.mark.parametrize("name", ["manifest.jsonl", "manifest-1of2.jsonl"])
def test_what_is_no_file_in_a_manifests_place_is_named(tmp_path, name):
    (tmp_path / ".m2fp").mkdir()
    os.mkfifo(tmp_path / ".m2fp" / name)
    with pytest.raises(OutputError, match=f"{name} is not a regular file"):
        history_of(tmp_path)


def test_a_long_manifest_is_made_short_and_says_the_same(tmp_path):
    path = manifest_path(tmp_path, "parse")
    write_manifest(path, runs=5, photos=4)
    before = history_of(tmp_path)
    tree, name = OutputTree(tmp_path), manifest_name("parse")
    assert not compact(tree, name, before)
    assert compact(tree, name, before, at_least=5)
    assert history_of(tmp_path).entries == before.entries
    assert history_of(tmp_path).left() == before.left()
    assert len(path.read_text().splitlines()) == 5
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_many_short_claims_are_looked_up_together(tmp_path, monkeypatch):
    with (
        OutputTree(tmp_path) as tree,
        contextlib.closing(ManifestWriter(tree, manifest_name("parse"))) as writer,
    ):
        for first in range(0, 100, 10):
            writer.claim(f"{number:03d}" for number in range(first, first + 10))
    history, asked, get_each = history_of(tmp_path), list[int](), Entries.get_each

    def count(entries, keys):
        asked.append(len(keys))
        return get_each(entries, keys)

    monkeypatch.setattr(Entries, "get_each", count)
    assert list(history.open_keys(writer.run)) == [f"{number:03d}" for number in range(100)]
    assert asked == [100]
