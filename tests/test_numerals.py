from __future__ import annotations

import pytest

from m2fp_cli.batch.shard import parse_shard
from m2fp_cli.commands.export import parse_fill
from m2fp_cli.commands.models import parse_input_size
from m2fp_cli.commands.option_groups import read_count
from m2fp_cli.engine.tiles.setting import check_tiles
from m2fp_cli.errors import UsageError
from m2fp_cli.jobs.fitting import parse_people
from m2fp_cli.numerals import read_color, read_whole

LONG = "9" * 5000  # more digits than int() takes


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("255", 255), ("256", None), ("-1", None), ("", None), ("1.0", None)],
)
def test_a_whole_number_is_digits_alone_and_within_bounds(text, number):
    assert read_whole(text, 255) == number


@pytest.mark.parametrize("text", ["\u00b2", "1 ", LONG, "0" * 5000 + "256"])
def test_what_int_would_not_take_is_no_number(text):
    assert read_whole(text, 255) is None


@pytest.mark.parametrize(
    "parse",
    [
        parse_people,
        parse_fill,
        lambda text: parse_input_size(f"{text}x32"),
        lambda text: parse_shard(f"1/{text}"),
        lambda text: read_count("--workers", text),
        check_tiles,
    ],
)
def test_options_refuse_numbers_of_any_length_in_a_short_line(parse):
    with pytest.raises(UsageError) as error:
        parse(LONG)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#1a2B3c", (26, 43, 60)),
        ("#12345", None),
        ("red", None),
        ("#12345g", None),
        ("#１２３４５６", None),
        ("", None),
    ],
)
def test_colors_are_six_digits(text, rgb):
    assert read_color(text) == rgb
