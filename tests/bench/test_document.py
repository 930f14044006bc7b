"""What a run of the bench leaves: JSON, tables, a picture, and what can be read back from them."""

from __future__ import annotations

import io
import json

import pytest

from m2fp_cli.bench.comparison import compare_runs, load_run
from m2fp_cli.bench.document import FORMAT
from m2fp_cli.bench.roofline import TOTAL
from m2fp_cli.bench.tables import print_comparison, print_document
from m2fp_cli.errors import NoInputError, UsageError
from tests.support.bench_document import roofline_figures, small_document


def stored(tmp_path, name, **changes):
    """The run as ``-o`` writes it, read back."""
    path = tmp_path / name
    path.write_text(small_document(**changes).dump())
    return load_run(path)


def test_json_keeps_raw_samples_and_says_what_they_mean():
    document = json.loads(small_document().dump())
    ours = document["single"][0]["engines"]["m2fp"]
    assert document["format"] == FORMAT
    assert ours["seconds"] == [1.0, 1.02, 0.98, 1.01, 0.99]
    assert ours["summary"]["median"] == 1.0
    assert ours["stage_medians"]["network"] == pytest.approx(0.7)
    assert document["roofline"][0]["shares"][TOTAL] == pytest.approx(0.375)


def test_shares_of_the_roof():
    one = roofline_figures()
    assert one.share("backbone") == pytest.approx(0.5)
    assert one.share("mask decoder") == pytest.approx(0.25)


def test_tables_show_the_figures_without_colors():
    text = io.StringIO()
    document = small_document()
    document.warnings.append("the machine was busy")
    print_document(document, text)
    for wanted in ("8.0x (8.0-8.0)", "2 x 1", "40.0", "38%", "7 of 7", "warning: the machine"):
        assert wanted in text.getvalue(), wanted
    assert "\x1b" not in text.getvalue()


def test_twice_as_fast_is_seen(tmp_path):
    found = compare_runs(stored(tmp_path, "a"), stored(tmp_path, "b", factor=0.5))
    one = next(c for c in found.changes if (c.scenario, c.engine) == ("single", "m2fp"))
    assert one.ratio.value == pytest.approx(0.5)
    assert one.verdict() == "faster"
    assert one.same_answer is True
    assert found.differences == []


def test_a_hundredth_is_within_chance(tmp_path):
    found = compare_runs(stored(tmp_path, "a"), stored(tmp_path, "b", factor=1.01))
    verdicts = {c.verdict() for c in found.changes if c.scenario == "single"}
    assert verdicts == {"no significant difference"}


def test_another_answer_is_told(tmp_path):
    text = io.StringIO()
    print_comparison(compare_runs(stored(tmp_path, "a"), stored(tmp_path, "b", answer="x")), text)
    assert "another answer" in text.getvalue()


def test_other_photos_are_not_compared(tmp_path):
    with pytest.raises(UsageError, match="different photos"):
        compare_runs(stored(tmp_path, "a"), stored(tmp_path, "b", photos="others"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other/9"}'])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"a\.json: "):
        load_run(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NoInputError, match=r"none\.json: cannot be read"):
        load_run(tmp_path / "none.json")


def test_doubts_name_what_was_cut_short():
    document = small_document()
    document.single[0].is_cut_short = True
    document.single[0].failures["reference"] = "reference was killed by signal 9"
    found = "\n".join(document.doubts())
    assert "480p: 5 samples in the time given" in found
    assert "killed by signal 9" in found


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_plot_shows_every_engine(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    from m2fp_cli.bench.plot import plot_document

    path = tmp_path / f"bench.{suffix}"
    plot_document(small_document(), path)
    head = path.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<?xml" in head


def test_an_unknown_suffix_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    from m2fp_cli.bench.plot import plot_document

    with pytest.raises(UsageError, match="png, svg or pdf"):
        plot_document(small_document(), tmp_path / "bench.gif")
