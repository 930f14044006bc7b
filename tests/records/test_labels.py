"""Label sets."""

from __future__ import annotations

import pytest

from m2fp_cli.records.labels import CIHP, LabelSet


def test_cihp_has_20_map_labels_and_the_human_class():
    assert len(CIHP.part_ids) == 19  # the background is the twentieth
    assert CIHP.human_id == 20
    assert CIHP.names[10] == "Torso-skin"


@pytest.mark.parametrize("name", ["left-arm", "Left_Arm", "LEFT ARM", "leftarm"])
def test_names_are_found_in_any_spelling(name):
    assert CIHP.id_of(name) == 14


def test_of_names_that_differ_in_spelling_alone_each_is_found():
    labels = LabelSet(("Background", "T-shirt", "Tshirt", "UpperClothes", "Top"))
    assert [labels.id_of(name) for name in labels.names] == [0, 1, 2, 3, 4]
    assert labels.id_of("t shirt") == 1
    assert labels.all_ids_of(("Tshirt", "top")) == (2, 4)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(KeyError, match="Sunglasses"):
        CIHP.id_of("moustache")


def test_mirroring_swaps_left_and_right_only():
    mirrored = CIHP.mirrored_ids()
    swapped = {i: j for i, j in enumerate(mirrored) if i != j}
    assert swapped == {14: 15, 15: 14, 16: 17, 17: 16, 18: 19, 19: 18}


def test_a_side_without_its_other_stays():
    assert LabelSet(("Background", "Left-arm", "Hat")).mirrored_ids() == (0, 1, 2)


@pytest.mark.parametrize(
    ("names", "human_id"),
    [(("one",), None), (("a", "a"), None), (("a", "b"), 2), (("a", "b"), 0)],
)
def test_impossible_sets_are_refused(names, human_id):
    with pytest.raises(ValueError, match=r"label set needs|human_id"):
        LabelSet(names, human_id)
