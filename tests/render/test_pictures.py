"""Painting: against a slow twin, and what outlines must never do."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import decode_map
from m2fp_cli.imaging.color import LINEAR, to_srgb_exactly
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.labels import CIHP, LABEL_SETS
from m2fp_cli.records.palette import SCHEMES, Palette
from m2fp_cli.render.contours import antialias, draw_lines, find_outlines, line_width
from m2fp_cli.render.maps import PhotoMaps, read_label_map, read_result_maps
from m2fp_cli.render.paint import paint_clear, paint_map, paint_over
from m2fp_cli.render.pictures import (
    IndexedPicture,
    PaintSettings,
    choose_ids,
    encode_picture,
    paint_pictures,
)
from m2fp_cli.storage.tree import OutputTree
from tests.support.parsed_tree import FACE, HAIR, PANTS, make_tree, two_people

COLORS = Palette.for_labels(CIHP).colors_rgb


def random_blocks(hw=(23, 31), seed=3, ids=6):
    """A map of 4 x 4 blocks of random ids, and a random photo."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, ids, (-(-hw[0] // 4), -(-hw[1] // 4)), dtype=np.uint8)
    blocks[rng.random(blocks.shape) < 0.4] = 0
    grown = np.kron(blocks, np.ones((4, 4), np.uint8))[: hw[0], : hw[1]]
    return np.ascontiguousarray(grown), rng.integers(0, 256, (*hw, 3), dtype=np.uint8)


def linear(value):
    value = value / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def stored(light):
    value = light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return round(value * 255)


def slow_paint_over(photo, ids, opacity):
    """Every pixel on its own: its nine neighbors' colors, mixed in linear light."""
    height, width = ids.shape
    out = np.empty_like(photo)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                light, cover = 0.0, 0.0
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        near = ids[min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)]
                        weight = (2 - abs(dy)) * (2 - abs(dx)) / 16
                        if near:
                            light += weight * linear(COLORS[near, 2 - c])
                            cover += weight
                out[y, x, c] = stored(
                    opacity * light + (1 - opacity * cover) * linear(photo[y, x, c])
                )
    return out


def bgr(name):
    return COLORS[CIHP.id_of(name)][::-1].tolist()


def test_map_has_exactly_the_palettes_colors():
    ids, _ = random_blocks()
    assert (paint_map(ids, COLORS) == COLORS[ids][..., ::-1]).all()
    assert (paint_map(ids.astype(np.uint16), COLORS) == COLORS[ids][..., ::-1]).all()


@pytest.mark.parametrize("opacity", [0.25, 0.6, 1.0])
def test_overlay_equals_the_slow_twin(opacity):
    ids, photo = random_blocks()
    fast = paint_over(photo, ids, COLORS, opacity=opacity).astype(int)
    assert abs(fast - slow_paint_over(photo, ids, opacity)).max() <= 1


def test_overlay_of_a_wide_photo_equals_its_parts():
    ids, photo = random_blocks((6, 20000))
    whole = paint_over(photo, ids, COLORS, opacity=0.6)
    part = paint_over(
        np.ascontiguousarray(photo[:, 8000:8500]),
        np.ascontiguousarray(ids[:, 8000:8500]),
        COLORS,
        opacity=0.6,
    )
    assert (whole[:, 8001:8499] == part[:, 1:-1]).all()


def test_nothing_far_from_a_label_changes():
    ids = np.zeros((40, 40), np.uint8)
    ids[10:20, 10:20] = HAIR
    photo = random_blocks((40, 40))[1]
    changed = (paint_over(photo, ids, COLORS, opacity=0.6) != photo).any(axis=2)
    assert changed[10:20, 10:20].all()
    changed[9:21, 9:21] = False
    assert not changed.any()


def test_opacity_nought_is_the_photo_and_the_photo_is_not_touched():
    ids, photo = random_blocks()
    before = photo.copy()
    assert (paint_over(photo, ids, COLORS, opacity=0.0) == photo).all()
    paint_over(photo, ids, COLORS, opacity=1.0)
    assert (photo == before).all()


def test_colors_mix_in_linear_light():
    white = np.asarray([(0, 0, 0), (255, 255, 255)], np.uint8)
    ids = np.ones((5, 5), np.uint8)
    mixed = paint_over(np.zeros((5, 5, 3), np.uint8), ids, white, opacity=0.5)
    assert (mixed == 188).all()  # mixing stored values would give 128


def test_light_and_stored_values_agree():
    assert (to_srgb_exactly(LINEAR) == np.arange(256)).all()


def test_empty_map_paints_nothing():
    photo = random_blocks()[1]
    empty = np.zeros(photo.shape[:2], np.uint8)
    assert (paint_over(photo, empty, COLORS, opacity=1.0) == photo).all()
    assert not paint_clear(empty, COLORS).any()


def test_clear_background_keeps_the_color_up_to_the_edge():
    ids = np.zeros((20, 20), np.uint8)
    ids[5:15, 5:15] = HAIR
    bgra = paint_clear(ids, COLORS)
    assert (bgra[7:13, 7:13] == [*bgr("Hair"), 255]).all()
    assert not bgra[:4].any()
    edge = bgra[10, 4:6]
    assert edge[:, 3].tolist() == [64, 191]
    assert (edge[:, :3] == bgr("Hair")).all()


def test_outline_is_a_ring_inside_the_person():
    people = np.zeros((30, 30), np.uint16)
    people[5:20, 5:25] = 7
    ring = find_outlines(people, 2)
    assert ring[5, 10] == ring[6, 10] == 1
    assert ring[7, 10] == ring[4, 10] == 0
    assert not (ring & (people == 0)).any()


def test_outlines_part_people_who_touch_but_not_the_frame():
    people = np.ones((20, 20), np.uint16)
    people[:, 10:] = 300
    ring = find_outlines(people, 1)
    assert (ring[:, 9:11] == 1).all()
    assert not ring[:, :9].any()
    assert not ring[:, 11:].any()


def test_outlines_are_white_paint_with_soft_borders():
    ids, photo = random_blocks()
    lines = (ids == HAIR).astype(np.uint8)
    white = np.asarray([(0, 0, 0), (255, 255, 255)], np.uint8)
    drawn = photo.copy()
    draw_lines(drawn, antialias(lines))
    assert (drawn == paint_over(photo, lines, white, opacity=1.0)).all()


def test_outlines_on_nothing_bring_their_own_opacity():
    picture = np.zeros((9, 9, 4), np.uint8)
    lines = np.zeros((9, 9), np.uint8)
    lines[:, 3:6] = 1
    draw_lines(picture, antialias(lines))
    assert picture[4, :, 3].tolist() == [0, 0, 64, 191, 255, 191, 64, 0, 0]
    assert (picture[4, 2:7, :3] == 255).all()


def test_line_width_follows_the_photo():
    assert [line_width(hw) for hw in ((200, 300), (1080, 1920), (4000, 3000))] == [1, 2, 6]


def settings(**changes):
    return replace(PaintSettings(SCHEMES["m2fp"]), **changes)


def maps_of(result):
    return PhotoMaps(result.labels, result.semantic_map, result.person_map, len(result.people))


def test_only_the_asked_labels_are_painted():
    maps = maps_of(two_people())
    chosen = choose_ids(maps, settings(labels=("hair", "trousers")))
    assert set(np.unique(chosen.ids)) == {0, HAIR, PANTS}
    assert ((chosen.ids == HAIR) == (maps.semantic_map == HAIR)).all()


def test_by_person_paints_people_and_still_filters_labels():
    maps = maps_of(two_people())
    chosen = choose_ids(maps, settings(by="person", labels=("face",)))
    assert (chosen.ids == np.where(maps.semantic_map == FACE, maps.person_map, 0)).all()


def test_more_people_than_colors_share_them():
    people = np.arange(600, dtype=np.uint16).reshape(20, 30)
    maps = PhotoMaps(CIHP, (people > 0).astype(np.uint8), people)
    ids = choose_ids(maps, settings(by="person")).ids
    assert ids[0, 0] == 0
    assert ids.ravel()[1:].min() == 1
    assert ids.ravel()[256] == ids.ravel()[1]


def test_plain_color_map_stays_a_map_of_ids():
    maps = maps_of(two_people())
    picture = paint_pictures(maps, None, settings(overlay=False)).color_map
    assert isinstance(picture, IndexedPicture)
    data = encode_picture(picture, "png")
    assert (decode_map(data) == maps.semantic_map).all()
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert (shown == COLORS[maps.semantic_map]).all()


def test_webp_color_map_loses_no_color():
    maps = maps_of(two_people())
    picture = paint_pictures(maps, None, settings(overlay=False)).color_map
    assert picture is not None
    shown = np.asarray(Image.open(io.BytesIO(encode_picture(picture, "webp"))))
    assert (shown == COLORS[maps.semantic_map]).all()


@pytest.mark.parametrize("background", ["black", "photo", "transparent"])
def test_outlines_and_legend_on_every_background(background):
    result = two_people((600, 800))
    photo = np.full((600, 800, 3), 90, np.uint8)
    asked = settings(background=background, contours=True, legend=True)
    pictures = paint_pictures(maps_of(result), photo, asked)
    assert isinstance(pictures.color_map, np.ndarray)
    assert pictures.overlay is not None
    channels = 4 if background == "transparent" else 3
    assert pictures.color_map.shape == (600, 800, channels)
    top = np.flatnonzero(result.person_map[:, 240])[0]
    assert (pictures.color_map[top, 240, :3] > 120).all()  # the white line


def test_photo_of_another_size_is_refused():
    maps = maps_of(two_people())
    with pytest.raises(ImageError, match="parse it again"):
        paint_pictures(maps, np.zeros((10, 10, 3), np.uint8), settings())


def test_maps_are_the_same_from_pictures_and_from_the_document(tmp_path):
    _, with_maps = make_tree(tmp_path / "1", ("a",))
    _, document_only = make_tree(tmp_path / "2", ("a",), save=("json",))
    one, two = (read_result_maps(OutputTree(output), "a") for output in (with_maps, document_only))
    assert (one.semantic_map == two.semantic_map).all()
    assert one.person_map is not None
    assert two.person_map is not None
    assert (one.person_map == two.person_map).all()
    assert one.labels == two.labels
    assert one.people == two.people == 2


def test_label_map_of_another_tool(tmp_path):
    ids = np.asarray([[0, 1, 17], [255, 4, 8]], np.uint8)
    path = tmp_path / "map.png"
    path.write_bytes(encode_png(ids))
    maps = read_label_map(path, LABEL_SETS["atr"])
    assert maps.semantic_map.tolist() == [[0, 1, 17], [0, 4, 8]]
    with pytest.raises(ImageError, match="holds id 17, but its label set ends at 6"):
        read_label_map(path, LABEL_SETS["voc-part"])
