"""What a program gives to the public functions by mistake is named, with what they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from m2fp_cli import (
    HumanParser,
    ParseSettings,
    RunOptions,
    ScanRules,
    colorize,
    parse_folder,
    try_on,
)
from m2fp_cli.errors import NoImagesError, UsageError
from tests.support.parsed_tree import two_people

PHOTO = np.zeros((60, 80, 3), dtype=np.uint8)
RESULT = two_people((60, 80))
NAN = float("nan")
WORD: Any = "2"
NUMBERS: Any = [2, 13]
KINDS_OF_OPTIONS = (
    ("rules", "ScanRules"),
    ("settings", "ParseSettings"),
    ("options", "RunOptions"),
)
NO_ARRAYS = [None, "a.jpg", Path("a.jpg"), b"\xff\xd8", [[1, 2, 3]], Image.new("RGB", (8, 6)), 3]
NO_PHOTOS = [
    PHOTO[:, :, 0],
    np.dstack([PHOTO, PHOTO[:, :, :1]]),
    PHOTO[None],
    PHOTO.astype(np.float32),
    PHOTO.astype(np.uint16),
    PHOTO > 3,
    PHOTO[:0],
]


@pytest.fixture(scope="module", params=["off", "auto"])
def parser(request, tiny_model):
    return HumanParser(tiny_model, tiles=request.param)


def ways_in(parser):
    """What is done with a photo, by name."""
    result = two_people((60, 80))
    return {
        "parse": parser.parse,
        "colorize": lambda photo: colorize(result, photo),
        "try on": lambda photo: try_on(photo, result, {"hat": "cap"}),
    }


@pytest.mark.parametrize("given", NO_ARRAYS, ids=lambda one: str(type(one)))
def test_what_is_no_array_is_no_photo(parser, given):
    for name, take in ways_in(parser).items():
        if given is None and name == "colorize":
            continue  # it paints on black
        with pytest.raises(TypeError, match=r"must be a NumPy array, uint8 \(H, W, 3\) BGR") as one:
            take(given)
        assert type(given).__name__ in str(one.value)


def test_a_photo_that_opencv_could_not_read_is_explained(parser):
    with pytest.raises(TypeError, match=r"NoneType; cv2\.imread gives None for a file"):
        parser.parse(None)


@pytest.mark.parametrize("given", NO_PHOTOS, ids=lambda one: f"{one.dtype} {one.shape}")
def test_an_array_of_another_kind_is_no_photo(parser, given):
    for take in ways_in(parser).values():
        with pytest.raises(ValueError, match=r"a photo must be uint8 \(H, W, 3\) BGR, got"):
            take(given)


@pytest.mark.parametrize("given", [None, "result.json", [], PHOTO], ids=lambda one: str(type(one)))
def test_what_is_no_result_is_named(given):
    for take in (
        lambda: colorize(given),
        lambda: colorize(given, PHOTO),
        lambda: try_on(PHOTO, given, {"hat": "cap"}),
    ):
        with pytest.raises(TypeError, match="a result must be a ParsingResult, as HumanParser"):
            take()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "a mapping such as .*, or an outfit, got NoneType"),
        ("fedora", "a mapping such as .*, or an outfit, got str"),
        (["hat"], "a mapping such as .*, or an outfit, got list"),
        ({"hat": 3}, r"hat must be a text \(a name, a file or a color\) or a loaded item, got int"),
        ({"hat": Path("cap.png")}, "hat must be a text .* got PosixPath"),
    ],
)
def test_what_cannot_be_worn_at_all_is_named(given, said):
    with pytest.raises(TypeError, match=said):
        try_on(PHOTO, two_people((60, 80)), given)


@pytest.mark.parametrize("given", [None, 3, [3], [None], b"photos"], ids=repr)
def test_inputs_are_paths(tmp_path, given):
    with pytest.raises(TypeError, match=r"inputs must be a path or several \(str or os.PathLike\)"):
        list(parse_folder(given, tmp_path / "out", model="starter"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "error"), [("x", TypeError), (2, ValueError), (-0.1, ValueError)]
)
def test_scores_are_from_0_to_1(parser, tiny_model, given, error):
    for take in (
        lambda: parser.parse(PHOTO, min_score=given),
        lambda: HumanParser(tiny_model, min_score=given),
        lambda: HumanParser.from_fast(parser.network, min_score=given),
        lambda: ParseSettings(min_score=given),
    ):
        with pytest.raises(error, match="min_score must be a number from 0 to 1, got"):
            take()


def test_a_score_that_is_no_number_finds_nobody_by_mistake(parser):
    with pytest.raises(ValueError, match="from 0 to 1, got nan"):
        parser.parse(PHOTO, min_score=float("nan"))


@pytest.mark.parametrize(
    ("given", "error"),
    [("2", TypeError), (1.5, TypeError), (0, ValueError), (10**9, ValueError)],
)
def test_threads_are_a_whole_number(tiny_model, given, error):
    with pytest.raises(error, match="threads must be"):
        HumanParser(tiny_model, threads=given)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("labels", TypeError, "save must be a tuple of some of .*labels.*, got str"),
        (("labels", "map"), ValueError, "save must hold some of .*, got 'map'"),
        ((), ValueError, "save must hold some of"),
    ],
)
def test_what_is_saved_is_known(given, error, said):
    with pytest.raises(error, match=said):
        ParseSettings(save=given)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((0, 0), ValueError),
        ((60, -80), ValueError),
        ((60,), ValueError),
        ((60, 80, 3), ValueError),
        ((60.5, 80), TypeError),
        ((True, 80), TypeError),
        (60, TypeError),
        ("ab", TypeError),
        ((), TypeError),
        ((float("nan"), 80), TypeError),
    ],
)
def test_a_size_is_height_and_width(parser, given, error):
    with pytest.raises(error, match="result_hw must be height and width, "):
        parser.parse(PHOTO, given)


@pytest.mark.parametrize("given", [(120, 160), [120, 160], np.array([120, 160])])
def test_sizes_of_any_kind_are_taken(parser, given):
    assert parser.parse(PHOTO, given).image_hw == (120, 160)


@pytest.mark.parametrize(
    ("take", "error", "said"),
    [
        (lambda: ParseSettings(max_pixels=0), ValueError, "max_pixels must be at least 1, got 0"),
        (lambda: ParseSettings(max_pixels=WORD), TypeError, "max_pixels must be a whole number"),
        (lambda: RunOptions(workers=0), ValueError, "workers must be at least 1"),
        (lambda: RunOptions(threads=WORD), TypeError, "threads must be a whole number, got str"),
        (lambda: RunOptions(photo_seconds=0), ValueError, "photo_seconds must be more than 0"),
        (lambda: RunOptions(photo_seconds=NAN), ValueError, "photo_seconds must be more than 0"),
        (lambda: RunOptions(photo_seconds=WORD), TypeError, "photo_seconds must be a number of"),
        (
            lambda: RunOptions(rerun="everything"),
            ValueError,
            "one of changed, missing, failed, all",
        ),
        (lambda: RunOptions(shard=WORD), TypeError, "shard must be Shard, got str"),
        (lambda: RunOptions(max_failures=WORD), TypeError, "max_failures must be FailureCap, got"),
        (lambda: ParseSettings(precision="int4"), ValueError, "precision must be one of auto, fp"),
        (lambda: ParseSettings(engine="slow"), ValueError, "engine must be one of fast, refer"),
        (lambda: colorize(RESULT, opacity=NAN), ValueError, "opacity must be a number from 0"),
        (lambda: colorize(RESULT, opacity=WORD), TypeError, "opacity must be a number from 0"),
        (lambda: colorize(RESULT, by="part"), ValueError, "by must be one of label, person"),
        (lambda: try_on(PHOTO, RESULT, {}, "biggest"), ValueError, "people must be one of all"),
        (lambda: colorize(RESULT, labels="hair"), TypeError, "labels must be several texts, such "),
        (
            lambda: colorize(RESULT, labels=["hairs"]),
            UsageError,
            "^labels: no label 'hairs'; l",
        ),
        (lambda: colorize(RESULT, labels=NUMBERS), TypeError, "such as .*, got \\[2, 13\\]"),
        (lambda: ScanRules(exclude=WORD), TypeError, "exclude must be several texts, such as"),
        (lambda: ScanRules(recursive=WORD), TypeError, "recursive must be True or False, got '"),
        (lambda: RunOptions(overwrite=WORD), TypeError, "overwrite must be True or False, got '"),
        (lambda: RunOptions(checksum=WORD), TypeError, "checksum must be True or False, got '"),
        (lambda: ParseSettings(flip=WORD), TypeError, "flip must be True or False, got '"),
        (lambda: colorize(RESULT, legend=WORD), TypeError, "legend must be True or False, got '"),
    ],
)
def test_numbers_and_words_are_within_their_bounds(take, error, said):
    with pytest.raises(error, match=said):
        take()


def test_sub_folders_are_told_of_in_words_of_python(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").touch()
    with pytest.raises(NoImagesError, match=r"give rules=ScanRules\(recursive=True\) to parse"):
        parse_folder(tmp_path, tmp_path / "out", model="starter")
    found = parse_folder(
        tmp_path, tmp_path / "out", model="starter", rules=ScanRules(recursive=True)
    )
    found.close()


def test_an_empty_list_of_inputs_is_called_that(tmp_path):
    with pytest.raises(NoImagesError, match="since no photo or folder was named"):
        parse_folder([], tmp_path / "out", model="starter")


def test_settings_and_options_are_what_they_are_called(tmp_path):
    wrong: Any = {}
    for name, kind in KINDS_OF_OPTIONS:
        with pytest.raises(TypeError, match=f"{name} must be {kind}, got dict"):
            parse_folder(tmp_path, tmp_path / "out", model="starter", **{name: wrong})


def test_an_address_is_shown_as_it_was_given(tmp_path):
    with pytest.raises(UsageError, match=r"^s3://bucket/out is in an object store; parse_folder"):
        parse_folder(tmp_path, "s3://bucket/out", model="starter")
