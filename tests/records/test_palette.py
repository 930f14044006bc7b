"""Palettes: the colors asked for, how far apart they are for which eyes, and palette files."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, xyz2lab

from m2fp_cli.errors import UsageError
from m2fp_cli.records.labels import CIHP, CIHP_NAMES, LABEL_SETS, LabelSet
from m2fp_cli.records.palette import NAMED_COLORS, SCHEMES, Palette, load_scheme, voc_colors

# Machado, Oliveira, Fernandes 2009, severity 1.0, for linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.asarray(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.asarray(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
SRGB_TO_XYZ = np.asarray(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip


def distances(colors_rgb, eye):
    """CIEDE2000 between all pairs of colors as an eye sees them, (N, N)."""
    stored = np.asarray(colors_rgb) / 255
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ EYES[eye].T, 0, 1)
    lab = xyz2lab(seen @ SRGB_TO_XYZ.T)
    return deltaE_ciede2000(lab[:, None], lab[None])


def smallest(eye):
    """Smallest distance of two of the 20 labels, face and trousers aside, and whose it is."""
    apart = distances([NAMED_COLORS[name] for name in CIHP_NAMES], eye)
    pairs = [
        (float(apart[i, j]), CIHP_NAMES[i], CIHP_NAMES[j])
        for i, j in combinations(range(20), 2)
        if {CIHP_NAMES[i], CIHP_NAMES[j]} != {"Face", "Pants"}
    ]
    return min(pairs)


def test_colors_that_are_asked_for():
    colors = dict(zip(CIHP_NAMES, Palette.for_labels(CIHP).colors_rgb.tolist(), strict=False))
    assert colors["Background"] == [0, 0, 0]
    assert colors["Hair"] == [255, 0, 0]
    assert colors["Face"] == [0, 255, 0]
    assert colors["UpperClothes"] == [0, 0, 255]
    assert colors["Pants"] == [255, 255, 0]
    assert colors["Left-shoe"] == [255, 0, 255]
    red, green, blue = colors["Right-shoe"]
    assert red == blue > green == 0


@pytest.mark.parametrize(
    ("eye", "least"), [("normal", 19.0), ("protanopia", 10.4), ("deuteranopia", 10.4)]
)
def test_labels_stay_apart_for_every_eye(eye, least, record_property):
    found = smallest(eye)
    record_property(f"smallest CIEDE2000, {eye}", found)
    print(f"{eye}: smallest CIEDE2000 {found[0]:.1f} between {found[1]} and {found[2]}")
    assert found[0] >= least


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("limb", ["arm", "leg", "shoe"])
def test_left_is_told_from_right(eye, limb):
    pair = [NAMED_COLORS[f"Left-{limb}"], NAMED_COLORS[f"Right-{limb}"]]
    assert distances(pair, eye)[0, 1] >= 15


@pytest.mark.parametrize("name", LABEL_SETS)
def test_no_two_labels_of_a_set_share_a_color(name):
    for scheme in SCHEMES.values():
        colors = Palette.for_labels(LABEL_SETS[name], scheme).colors_rgb
        assert len({tuple(color) for color in colors.tolist()}) == len(LABEL_SETS[name].names)


@pytest.mark.parametrize("count", [60, 253])
def test_unnamed_labels_get_colors_of_their_own(count):
    labels = LabelSet(("Background", "Face", *(f"Thing {i}" for i in range(count))))
    colors = Palette.for_labels(labels).colors_rgb
    assert len(np.unique(colors, axis=0)) == count + 2
    assert colors[1].tolist() == [0, 255, 0]


def test_voc_colors_are_the_development_kits():
    known = {1: (128, 0, 0), 7: (128, 128, 128), 15: (192, 128, 128), 255: (224, 224, 192)}
    assert {i: voc_colors(256)[i] for i in known} == known
    assert SCHEMES["voc"].color_of(15, "Person") == (192, 128, 128)


def test_cihp_scheme_goes_by_name():
    atr = Palette.for_labels(LABEL_SETS["atr"], SCHEMES["cihp"]).colors_rgb
    assert atr[LABEL_SETS["atr"].id_of("Face")].tolist() == [0, 0, 255]


def test_palette_file_overrides_only_what_it_names(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"hair": [1, 2, 3], "left_arm": "#0a0B0c"}))
    colors = Palette.for_labels(CIHP, load_scheme(str(path))).colors_rgb
    assert colors[CIHP.id_of("Hair")].tolist() == [1, 2, 3]
    assert colors[CIHP.id_of("Left-arm")].tolist() == [10, 11, 12]
    assert colors[CIHP.id_of("Face")].tolist() == [0, 255, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON"),
        ("[1]", "is an object"),
        ("{}", "is an object"),
        ('{"Hear": [1, 2, 3]}', "no label is called 'Hear'"),
        ('{"Hair": [1, 2]}', "Hair: a color is"),
        ('{"Hair": [1, 2, 256]}', "not [1, 2, 256]"),
        ('{"Hair": [1, 2, true]}', "a color is"),
        ('{"Hair": "red"}', 'not "red"'),
        ('{"Hair": [1, 2, 3], "Hair": [1, 2, 3]}', "'Hair' is there twice"),
        ('{"Hair": [1, 2, 3], "hair": [1, 2, 3]}', "'hair' is there twice"),
    ],
)
def test_palette_file_errors_say_what_and_where(tmp_path, text, said):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.json") as caught:
        load_scheme(str(path))
    assert said in str(caught.value)


def test_unknown_palette_names_the_built_in_ones():
    with pytest.raises(UsageError, match="m2fp, voc, cihp or a JSON file"):
        load_scheme("viridis")


def test_names_that_mean_left_and_right():
    assert CIHP.ids_of("shoes") == (CIHP.id_of("Left-shoe"), CIHP.id_of("Right-shoe"))
    assert CIHP.ids_of("arm") == (CIHP.id_of("Left-arm"), CIHP.id_of("Right-arm"))
    assert CIHP.ids_of("Trousers") == (CIHP.id_of("Pants"),)
    assert CIHP.ids_of("left shoe") == (CIHP.id_of("Left-shoe"),)
    with pytest.raises(KeyError, match="no label 'wings'"):
        CIHP.ids_of("wings")
