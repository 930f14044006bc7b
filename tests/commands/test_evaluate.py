"""``m2fp eval`` from the command line, and data sets on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from m2fp_cli.cli import app
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ImageError, NoImagesError, UsageError
from m2fp_cli.evaluation.dataset import (
    check_label_ids,
    choose_photos,
    find_labelled,
    read_truth,
)
from m2fp_cli.evaluation.judge import Judge
from m2fp_cli.evaluation.report import headline
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.records.labels import CIHP, LabelSet
from tests.support.parsed_tree import FACE, HAIR, make_tree, two_people

pytestmark = pytest.mark.slow

KEYS = ("a", "b", "c", "d")


def make_dataset(root, names=("photos", "labels", "people")):
    """Four photos, their true maps, and the output of a parse that found exactly these.

    Returns:
        the data set and the output folder.
    """
    photos, output = make_tree(root, KEYS)
    dataset = root / "set"
    truth = two_people()
    for name in names:
        (dataset / name).mkdir(parents=True)
    for key in KEYS:
        (photos / f"{key}.png").rename(dataset / names[0] / f"{key}.png")
        Image.fromarray(truth.semantic_map).save(dataset / names[1] / f"{key}.png")
        Image.fromarray(truth.person_map).save(dataset / names[2] / f"{key}.png")
    return dataset, output


def run(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def document(*arguments):
    result = run(*arguments, "--json", "-q")
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path)


# ---- the data set ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("photos", "labels", "people"), ("Images", "Category_ids", "Human_ids")]
)
def test_both_layouts_are_found(tmp_path, names):
    folder, _ = make_dataset(tmp_path, names)
    found = find_labelled(folder)
    assert [photo.name for photo in found] == list(KEYS)
    truth = read_truth(found[0], CIHP)
    assert truth.people is not None
    assert (truth.labels == two_people().semantic_map).all()
    assert (truth.people == two_people().person_map).all()


def test_a_model_that_numbers_labels_otherwise_than_cihps_folders_is_told(tmp_path):
    folder, output = make_dataset(tmp_path, ("Images", "Category_ids", "Human_ids"))
    assert "by id" not in run(folder, "--results", output).stderr
    for path in (output / "results").rglob("*.json"):
        path.write_text(path.read_text().replace('"Hat"', '"Turban"'))
    line = (
        "labels are compared by id, and 1 is Turban for the model, Hat in CIHP: right only if "
        "Category_ids holds the ids of the model"
    )
    assert line in run(folder, "--results", output).stderr.splitlines()
    assert line not in run(folder, "--results", output, "-q").stderr
    for old, new in (("Images", "photos"), ("Category_ids", "labels")):
        (folder / old).rename(folder / new)  # whose ids may be anybody's
    assert "by id" not in run(folder, "--results", output).stderr


def test_photos_without_a_label_map_are_left_out_and_people_may_be_unknown(dataset):
    folder, _ = dataset
    (folder / "labels" / "b.png").unlink()
    (folder / "people" / "c.png").unlink()
    assert [(photo.name, photo.people is None) for photo in find_labelled(folder)] == [
        ("a", False), ("c", True), ("d", False),
    ]  # fmt: skip


def test_hidden_files_are_no_photos(dataset):
    folder, _ = dataset
    for kind, end in (("photos", "png"), ("labels", "png")):
        (folder / kind / f"._a.{end}").write_bytes(b"\0\5\x16\7 as macOS writes them")
    assert [photo.name for photo in find_labelled(folder)] == list(KEYS)
    labelled = folder.parent / "labelled"
    labelled.mkdir()
    for name in ("a.png", "a.json", "._a.png", "._a.json"):
        (labelled / name).write_bytes(b"")
    assert [photo.name for photo in find_labelled(labelled)] == ["a"]


def test_a_folder_that_is_no_data_set_says_what_is_missing(tmp_path):
    with pytest.raises(UsageError, match=r"photos/ID\.jpg and labels/ID\.png"):
        find_labelled(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(NoImagesError):
        find_labelled(tmp_path)


def test_a_part_of_a_data_set(dataset, tmp_path):
    photos = find_labelled(dataset[0])
    names = tmp_path / "ids.txt"
    names.write_bytes(b"\xef\xbb\xbfd\r\nb\n\na\n")  # as an editor of Windows may write it
    assert [p.name for p in choose_photos(photos, every=2)] == ["a", "c"]
    assert [p.name for p in choose_photos(photos, every=2, limit=1)] == ["a"]
    assert [p.name for p in choose_photos(photos, names=names)] == ["a", "b", "d"]
    names.write_text("zebra\n")
    with pytest.raises(UsageError, match="no labelled 'zebra'"):
        choose_photos(photos, names=names)


def test_ids_come_through_a_pipe_and_have_an_end(dataset):
    photos = find_labelled(dataset[0])
    reading, writing = os.pipe()
    os.write(writing, b"b\n")
    os.close(writing)
    chosen = choose_photos(photos, names=Path(f"/dev/fd/{reading}"))
    os.close(reading)
    assert [p.name for p in chosen] == ["b"]
    with pytest.raises(UsageError, match="is larger than 16 MB"):
        choose_photos(photos, names=Path("/dev/zero"))


def test_ids_that_the_model_lacks_are_an_error_before_any_work(dataset):
    photos = find_labelled(dataset[0])
    check_label_ids(photos, CIHP)
    few = LabelSet(CIHP.names[:FACE])
    with pytest.raises(UsageError, match=rf"a\.png holds label id {FACE}, which the model lacks"):
        check_label_ids(photos, few)


def test_the_human_class_is_no_label_of_a_map(dataset):
    folder, _ = dataset
    ids = np.full((120, 160), CIHP.id_of("Human"), np.uint8)
    Image.fromarray(ids).save(folder / "labels" / "a.png")
    with pytest.raises(UsageError, match="holds label id 20"):
        check_label_ids(find_labelled(folder), CIHP)


def test_a_person_map_of_another_size_is_refused(dataset):
    folder, _ = dataset
    Image.new("L", (9, 9)).save(folder / "people" / "a.png")
    with pytest.raises(ImageError, match=r"labels/a\.png and its person map differ in size"):
        read_truth(find_labelled(folder)[0], CIHP)


# ---- the command -------------------------------------------------------------------------------


def test_results_that_equal_the_truth_are_perfect(dataset):
    folder, output = dataset
    code, said = document(folder, "--results", output)
    assert code == 0
    assert said["photos"] == 4
    assert said["people"]["people"] == 8
    figures = said["figures"]
    assert figures["mean_iou"] == figures["person_iou"] == figures["ap_p"] == figures["pcp_50"] == 1
    hair = said["labels"][HAIR]
    assert (hair["name"], hair["iou"]) == ("Hair", 1)
    assert said["labels"][1]["iou"] is None  # no hats


def test_figures_over_photos_are_counted_together(dataset):
    folder, output = dataset
    truth = two_people().semantic_map
    Image.fromarray(np.where(truth == FACE, HAIR, truth)).save(folder / "labels" / "a.png")
    _, said = document(folder, "--results", output)
    faces, hair = (int((truth == label).sum()) for label in (FACE, HAIR))
    assert said["labels"][FACE]["iou"] == pytest.approx(3 / 4, abs=1e-4)
    expected = 4 * hair / (4 * hair + faces)
    assert said["labels"][HAIR]["iou"] == pytest.approx(expected, abs=1e-4)


def test_bad_photos_cost_a_line_and_exit_code_3(dataset):
    folder, output = dataset
    (folder / "labels" / "a.png").write_bytes(b"no picture")
    Image.new("L", (9, 9)).save(folder / "labels" / "b.png")
    (output / "results" / "c.json").unlink()
    result = run(folder, "--results", output, "--json", "-q")
    assert result.exit_code == 3
    said = json.loads(result.stdout)
    assert said["photos"] == 1
    assert [one["reason"] for one in said["failed"]] == ["unsupported", "corrupt", "vanished"]
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("failed ") and "photos/" in line for line in lines)
    assert "labels/a.png" in lines[0]


def test_nothing_judged_prints_no_figures(dataset):
    folder, output = dataset
    for key in KEYS:
        (folder / "labels" / f"{key}.png").write_bytes(b"no picture")
    result = run(folder, "--results", output, "-q")
    assert (result.exit_code, result.stdout) == (3, "")


def test_tables_go_to_stdout_and_the_rest_to_stderr(dataset):
    folder, output = dataset
    result = run(folder, "--results", output)
    assert "mean IoU" in result.stdout
    assert "100.00" in result.stdout
    assert "Upper" in result.stdout
    assert "4 photos judged, 8 people in 4 of them" in result.stderr


def test_options_of_a_parse_have_no_meaning_for_results(dataset, monkeypatch):
    folder, output = dataset
    refused = run(folder, "--results", output, "--model", "starter")
    assert isinstance(refused.exception, UsageError)
    monkeypatch.setenv("M2FP_MODEL", "starter")  # a default is no wish
    assert run(folder, "--results", output, "-q").exit_code == 0


def test_each_of_two_photos_with_one_name_is_judged_by_its_own_result(dataset):
    folder, output = dataset
    (folder / "photos" / "b.png").rename(folder / "photos" / "a.tif")
    for kind in ("labels", "people"):
        (folder / kind / "b.png").rename(folder / kind / "a.tif.png")
    (output / "results" / "b.json").rename(output / "results" / "a.tif.json")
    result = run(folder, "--results", output, "--limit", 2, "-q", "--json")
    assert (result.exit_code, json.loads(result.stdout)["photos"]) == (0, 2)
    (output / "results" / "a.tif.json").unlink()
    result = run(folder, "--results", output, "--limit", 2, "-q")
    assert result.exit_code == 3
    assert "a.tif: has no result" in result.stderr


def test_a_result_of_the_photo_beside_it_is_not_taken(dataset):
    folder, output = dataset
    (folder / "photos" / "a.png").rename(folder / "photos" / "a.tif")
    (folder / "photos" / "b.png").rename(folder / "photos" / "a.jpg")  # the result's is a.png
    (folder / "photos" / "a.png").write_bytes(b"")
    result = run(folder, "--results", output, "--limit", 1, "-q")
    assert result.exit_code == 3
    assert "a.json is that of a.png; parse the whole folder" in result.stderr


def test_results_of_other_photos_are_refused(dataset, tmp_path):
    folder, _ = dataset
    result = run(folder, "--results", tmp_path / "elsewhere")
    assert isinstance(result.exception, NoImagesError)
    assert "m2fp parse" in str(result.exception)


def test_a_model_parses_and_is_judged(dataset, tiny_model):
    folder, _ = dataset
    code, said = document(folder, "--model", tiny_model, "--every", "2", "--threads", "1")
    assert code == 0
    assert said["photos"] == 2
    assert said["made_by"]["model"] == str(tiny_model)
    assert said["seconds_a_photo"] > 0
    assert 0 <= said["figures"]["mean_iou"] < 1
    parser, judge = HumanParser(tiny_model), Judge(CIHP)
    for photo in find_labelled(folder)[::2]:
        judge.add(read_truth(photo, CIHP), parser.parse(read_image(photo.photo).image_bgr))
    assert said["figures"] == pytest.approx(headline(judge.figures()), abs=1e-4)
