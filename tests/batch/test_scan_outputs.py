"""Results of this run and of others are not photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.errors import UsageError
from m2fp_cli.storage.tree import OutputTree
from tests.support.scanned import keys, scan, touch, write_down


def test_the_output_inside_the_input_is_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "out/overlays/a.jpg", "out/labels/a.png", "sub/b.jpg"])
    assert keys(tmp_path, output=tmp_path / "out") == ["a", "sub/b"]


def test_the_output_is_known_behind_a_link(tmp_path: Path) -> None:
    touch(tmp_path, ["p/a.jpg", "p/out/overlays/a.jpg"])
    (tmp_path / "link").symlink_to(tmp_path / "p" / "out", target_is_directory=True)
    assert keys(tmp_path / "p", output=tmp_path / "link") == ["a"]


def test_results_of_an_earlier_run_elsewhere_in_the_tree_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "old/labels/a.png", "old/labels/own.png", "old/own/b.jpg"])
    write_down(tmp_path / "old", "labels/a.png")
    assert keys(tmp_path) == ["a", "old/labels/own", "old/own/b"]


def test_input_and_output_in_one_folder(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "labels/a.png", "people/anna.jpg", "sub/people/b.jpg"])
    write_down(tmp_path, "labels/a.png")
    assert keys(tmp_path, output=tmp_path) == ["a", "people/anna", "sub/people/b"]


def test_what_a_killed_run_has_written_is_no_photo(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "labels/a.png", "labels/b.png"])
    with OutputTree(tmp_path) as tree:
        ManifestWriter(tree, manifest_name("parse")).claim(["a"])
    assert keys(tmp_path, output=tmp_path) == ["a", "labels/b"]


def test_an_input_inside_the_output_is_fine_outside_its_results(tmp_path: Path) -> None:
    touch(tmp_path, ["photos/a.jpg", "labels/a.png"])
    assert keys(tmp_path / "photos", output=tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["labels", "overlays/sub", "tryon/a.jpg", ".m2fp"])
def test_results_are_refused_as_input(tmp_path: Path, name: str) -> None:
    touch(tmp_path, ["overlays/sub/a.jpg", "labels/a.png", "tryon/a.jpg", ".m2fp/a.png"])
    write_down(tmp_path, "labels/a.png", "tryon/a.jpg")
    write_down(tmp_path, "overlays/sub/a.jpg", key="sub/a")
    with pytest.raises(UsageError, match="holds results of"):
        scan(tmp_path / name, output=tmp_path)
