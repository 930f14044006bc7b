"""Commands on an output in an object store: they read it there, write there, and say so."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from m2fp_cli.batch.remote.lease import hold_stored_part
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.cli import app
from m2fp_cli.errors import NoImagesError, OutputError, UsageError
from m2fp_cli.storage.errors import ConflictError
from tests.support.object_store import BUCKET, Fault, ObjectStore
from tests.support.parsed_tree import make_tree

pytestmark = pytest.mark.slow

OUT = f"s3://{BUCKET}/out"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, store_server: ObjectStore) -> ObjectStore:
    """A parse of two photos of the store, as if it had been copied there from a disk."""
    photos, output = make_tree(tmp_path_factory.mktemp("drawn"), failed=("broken",))
    for folder, place in ((photos, "in"), (output, "out")):
        for path in folder.rglob("*"):
            if path.is_file():
                data = path.read_bytes().replace(str(photos).encode(), f"s3://{BUCKET}/in".encode())
                store_server.put(f"{place}/{path.relative_to(folder).as_posix()}", data)
    return store_server


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def names(store: ObjectStore, folder: str) -> list[str]:
    return [name.removeprefix("out/") for name in store.names(f"out/{folder}/")]


def test_status_reads_the_manifests_of_a_store(store):
    answer = run("status", OUT)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("parse: 2 done, 1 failed")
    assert json.loads(run("status", OUT, "--json").stdout)["output"] == OUT


def test_colors_and_overlays_are_painted_there_once(store):
    answer = run("colorize", OUT, "--workers", 1)
    assert answer.exit_code == 0, answer.output
    assert f"pictures in {OUT}" in answer.output
    assert names(store, "colors") == ["colors/a.png", "colors/sub/b.png"]
    assert names(store, "overlays") == ["overlays/a.jpg", "overlays/sub/b.jpg"]
    assert "2 up to date" in run("colorize", OUT).output


def test_pictures_of_a_store_may_go_to_this_machine(store, tmp_path):
    assert run("colorize", OUT, "-o", tmp_path / "here", "-q").exit_code == 0
    assert (tmp_path / "here/overlays/sub/b.jpg").exists()


def test_a_hat_is_tried_on_there(store):
    answer = run("tryon", OUT, "--hat", "fedora", "-q", "--workers", 1)
    assert answer.exit_code == 0, answer.output
    assert "tryon/sub/b.json" in names(store, "tryon")


def test_variants_are_made_there_once(store, tmp_path):
    look = tmp_path / "look.toml"
    look.write_text('[everyone]\nhat = ["cap", "fedora"]\n')
    asked = ("tryon", OUT, "--look", look, "--each", "--workers", 1)
    assert run(*asked, "-q").exit_code == 0
    pictures = [f"hat-{name}" for name in ("cap.json", "cap.png", "fedora.json", "fedora.png")]
    assert names(store, "variants/sub/b") == [f"variants/sub/b/{name}" for name in pictures]
    assert "2 up to date" in run(*asked).output
    look.write_text('[everyone]\nhat = ["beanie"]\n')
    assert run(*asked, "-q").exit_code == 0
    assert len(names(store, "variants/sub/b")) == 6  # another catalog comes beside it
    assert "--sheet is made on this machine" in str(run(*asked, "--sheet").exception)


def test_a_sheet_of_a_store_is_made_here(store, tmp_path):
    asked = ("tryon", OUT, "-o", tmp_path / "here", "--hat", "cap", "--sheet", "-q")
    answer = run(*asked, "--workers", 1)
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "here/sheet.jpg").exists()


def test_a_data_set_with_its_common_files_is_made_there_once(store):
    answer = run("export", OUT, "--to", "coco", "--workers", 1)
    assert answer.exit_code == 0, answer.output
    made = names(store, "coco")
    assert "coco/manifest.json" in made
    assert len(made) > 3
    assert "2 up to date" in run("export", OUT, "--to", "coco").output
    assert names(store, "coco") == made


def test_lists_are_put_when_no_other_shard_makes_them(store):
    there, manifest = f"s3://{BUCKET}/split", "split/.m2fp/manifest-export-coco.jsonl"
    remote = Remote()
    remote.output_folder(Path(there))
    assert remote.output is not None
    asked = ("export", OUT, "-o", there, "--to", "coco", "--workers", 1, "-q")
    with ThreadPoolExecutor(1) as threads:
        with hold_stored_part(remote.output, "export-coco"):
            ended = threads.submit(run, *asked)
            while manifest not in store.names() and not ended.done():
                time.sleep(0.1)
            time.sleep(1)
            assert "split/coco/manifest.json" not in store.names()
        assert ended.result(60).exit_code == 0
    assert "split/coco/manifest.json" in store.names()
    assert "split/.m2fp/lock-export-coco" not in store.names()


def test_lists_of_an_earlier_split_leave_the_store(store):
    assert run("export", OUT, "--to", "coco", "--workers", 1, "-q").exit_code == 0
    assert run("export", OUT, "--to", "coco", "--workers", 1, "-q", "--split", "val").exit_code == 0
    lists = [name for name in names(store, "coco") if name.endswith(".json")]
    assert "coco/annotations/instances_val.json" in lists
    assert not [name for name in lists if "train" in name]


def test_a_table_of_somebody_else_stays_there_however_often_it_is_asked_for(store, tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    store.put("theirs/describe/people.csv", b"mine")
    there = f"s3://{BUCKET}/theirs"
    for _ in range(2):
        error = run("describe", output, "-o", there, "-q", "--workers", 1).exception
        assert isinstance(error, ConflictError)
        assert f"{there}/describe/people.csv is there already and no export" in str(error)
    assert store.read("theirs/describe/people.csv") == b"mine"
    assert run("describe", output, "-o", there, "-q", "--overwrite").exit_code == 0
    assert store.read("theirs/describe/people.csv").startswith(b"photo,")


def test_a_table_that_somebody_changed_stays_there(store, tmp_path):
    there, table = f"s3://{BUCKET}/changed", "changed/describe/people.csv"
    _, output = make_tree(tmp_path / "first", ("a",))
    _, other = make_tree(tmp_path / "second", ("b",))
    assert run("describe", output, "-o", there, "-q", "--workers", 1).exit_code == 0
    store.put(table, b"changed")
    assert run("describe", output, "-o", there, "-q").exit_code == 0  # it would be what it was
    error = run("describe", other, "-o", there, "-q", "--workers", 1).exception
    assert isinstance(error, ConflictError)
    assert "describe/people.csv was changed since m2fp wrote it" in str(error)
    assert store.read(table) == b"changed"
    assert run("describe", other, "-o", there, "-q", "--overwrite").exit_code == 0
    assert store.read(table).startswith(b"photo,")


def test_a_table_that_was_not_put_is_not_taken_for_changed(store, tmp_path):
    there, table = f"s3://{BUCKET}/cut-short", "cut-short/describe/people.csv"
    _, output = make_tree(tmp_path / "first", ("a",))
    _, other = make_tree(tmp_path / "second", ("b",))
    assert run("describe", output, "-o", there, "-q", "--workers", 1).exit_code == 0
    before = store.read(table)
    store.faults.append(Fault("PUT", table, status=403, code="AccessDenied"))
    assert run("describe", other, "-o", there, "-q", "--workers", 1).exit_code == 1
    assert store.read(table) == before
    assert run("describe", other, "-o", there, "-q").exit_code == 0
    assert store.read(table) != before


def test_pictures_of_this_machine_may_go_there_and_the_summary_says_where(store, tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    answer = run("masks", output, "-o", f"s3://{BUCKET}/masks", "--workers", 1)
    assert f"agnostic in s3://{BUCKET}/masks/agnostic" in answer.output
    sheet = run("tryon", output, "-o", f"s3://{BUCKET}/masks", "--hat", "cap", "--sheet")
    assert "--sheet is made on this machine" in str(sheet.exception)


def test_the_page_is_made_there_or_here(store, tmp_path):
    before = store.names("out")
    page = tmp_path / "page.html"
    assert run("report", OUT, "-o", page, "-q").exit_code == 0
    assert store.names("out") == before  # only read
    assert run("report", OUT, "-o", f"s3://{BUCKET}/pages/one.html", "-q").exit_code == 0
    assert len(store.read("pages/one.html")) == pytest.approx(page.stat().st_size, rel=0.1)
    assert run("report", OUT, "-q").exit_code == 0
    assert b"broken" in store.read("out/report.html")
    assert len(store.read("out/report.html")) == pytest.approx(page.stat().st_size, rel=0.1)
    store.put("out/report.html", "mine")
    assert isinstance(run("report", OUT, "-q").exception, OutputError)
    assert store.read("out/report.html") == b"mine"


def test_a_list_names_photos_of_a_store(store):
    lines = [
        json.loads(line) for line in run("scan", f"s3://{BUCKET}/in", "-r").stdout.splitlines()
    ]
    assert [(line["photo"], line["key"]) for line in lines] == [
        (f"s3://{BUCKET}/in/a.png", "a"),
        (f"s3://{BUCKET}/in/sub/b.png", "sub/b"),
    ]


def test_a_slice_reads_its_part_of_a_list_in_a_store(store):
    lines = (json.dumps({"photo": f"s3://{BUCKET}/in/{n}.png", "key": f"{n}"}) for n in range(9000))
    store.put("list.jsonl", "\n".join(lines) + "\n")
    with Remote().open_list(Path(f"s3://{BUCKET}/list.jsonl")) as photos:
        scan = photos.scan(Shard(2, 3), output=Path("out"), rules=ScanRules())
    keys = [task.key for task in scan.tasks]
    assert scan.is_stored
    assert keys == [str(n) for n in range(int(keys[0]), int(keys[-1]) + 1)]
    assert 2900 < len(keys) < 3100


def test_what_runs_have_written_is_not_taken_for_photos(store):
    answer = run("scan", f"s3://{BUCKET}/out", "-r")
    assert isinstance(answer.exception, NoImagesError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", OUT, "--prune"), "--prune"),
        (("report", OUT, "-o", f"s3://{BUCKET}"), "whole bucket"),
        (("parse", "photos", "-o", "s3:///out"), "names no bucket"),
        (("parse", "s3://"), "names no bucket"),
        (("export", OUT, "--to", "coco", "--output=gs:///x"), "names no bucket"),
        (("parse", f"s3://{BUCKET}/in", "-o", OUT, "--checksum", "--model", "starter"), "by their"),
        (("colorize", f"s3://{BUCKET}/in", "-o", OUT), "parse into a store first"),
        (("bench", f"s3://{BUCKET}/in"), "is in an object store"),
        (("parse", f"s3://{BUCKET}/in", "photos", "-o", OUT), "not both at once"),
    ],
)
def test_what_does_not_work_on_stores_says_so(store, arguments, said):
    error = run(*arguments).exception
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_nothing_was_made_of_an_address_on_this_machine(store):
    assert not Path("s3:").exists()
