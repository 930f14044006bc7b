"""Data sets of try-on pipelines, read back as those read them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.agnostic.mask import MaskSettings
from m2fp_cli.records.labels import CIHP, LABEL_SETS
from m2fp_cli.records.mapping import load_mapping
from m2fp_cli.records.palette import SCHEMES
from tests.support.exporting import drawn_photo, export_to
from tests.support.framed import frame_of, put_back
from tests.support.loaders import load_dresscode, load_inpainting, load_viton_hd
from tests.support.posed import at, posed_photo

UPPER, HAIR, FACE, ARM, SKIN = (
    CIHP.id_of(name) for name in ("UpperClothes", "Hair", "Face", "Left-arm", "Torso-skin")
)


@pytest.fixture(scope="module")
def viton(tmp_path_factory):
    root = tmp_path_factory.mktemp("viton")
    done = export_to(root, "viton-hd", drawn_photo("a"), drawn_photo("b"))
    return root, done


def test_viton_hd_is_read_as_hr_viton_reads_it(viton):
    first = load_viton_hd(viton[0])[0]
    assert first.name == "a.jpg"
    assert set(np.unique(first.mask)) == {0, 255}
    assert set(np.unique(first.parse)) == set(np.unique(drawn_photo().result.semantic_map))


def test_parse_agnostic_lacks_top_neck_and_arms_but_keeps_hands(viton):
    first = load_viton_hd(viton[0])[0]
    gone = (first.parse != first.parse_agnostic) & (first.parse > 0)
    assert {UPPER, SKIN} < set(np.unique(first.parse[gone]))
    assert not np.isin(first.parse_agnostic, (UPPER, SKIN)).any()
    assert (first.parse_agnostic == ARM).any()
    assert ((first.parse == FACE) == (first.parse_agnostic == FACE)).all()


def test_the_agnostic_picture_is_gray_under_the_mask_and_the_photo_elsewhere(viton):
    first = load_viton_hd(viton[0])[0]
    inside = first.mask == 255
    eaten = np.lib.stride_tricks.sliding_window_view(np.pad(inside, 8), (17, 17)).all((2, 3))
    assert np.abs(first.agnostic[eaten].astype(int) - 128).max() <= 3
    far = ~np.lib.stride_tricks.sliding_window_view(np.pad(inside, 8), (17, 17)).any((2, 3))
    assert np.abs(first.agnostic[far].astype(int) - first.image[far]).mean() < 1


def test_parses_have_the_known_colors(viton):
    with Image.open(viton[0] / "test/image-parse-v3/a.png") as image:
        palette = np.asarray(image.getpalette()).reshape(-1, 3)
    assert palette[HAIR].tolist() == list(SCHEMES["cihp"].by_name["hair"]) == [255, 0, 0]


def test_what_a_pipeline_paints_is_put_back_where_it_came_from(viton):
    photo, (encoded, _) = drawn_photo("a"), viton[1]
    frame = frame_of(json.loads(json.dumps(encoded.record["people"][0])))
    sample = load_viton_hd(viton[0])[0]
    painted = sample.image[:, :, ::-1].copy()
    painted[sample.mask > 0] = (0, 0, 255)
    back = put_back(frame, painted, photo.image_bgr, sample.mask)
    assert back.shape == photo.image_bgr.shape
    top = photo.result.semantic_map == UPPER
    assert (back[top] == (0, 0, 255)).all(axis=1).mean() > 0.95
    head = np.isin(photo.result.semantic_map, (FACE, HAIR))
    assert (back[head] == photo.image_bgr[head]).all(axis=1).mean() > 0.95


def test_a_crop_shows_the_person_large_and_an_own_size_is_kept(tmp_path):
    export_to(tmp_path, "viton-hd", drawn_photo(people=2), fit="crop", size_wh=(384, 512))
    sample = load_viton_hd(tmp_path, size=(384, 512))[0]
    rows = np.flatnonzero((sample.parse > 0).any(axis=1))
    assert np.ptp(rows) > 0.8 * 512


def test_each_person_can_be_a_sample_with_nobody_else_in_the_parse(tmp_path):
    export_to(tmp_path, "viton-hd", drawn_photo(people=2), people="all")
    samples = load_viton_hd(tmp_path)
    assert [one.name for one in samples] == ["a_p1.jpg", "a_p2.jpg"]
    assert not ((samples[0].parse > 0) & (samples[1].parse > 0)).any()
    assert samples[0].mask.any()
    assert samples[1].mask.any()


def test_nobody_in_a_photo_is_nothing_in_the_data_set(tmp_path):
    export_to(tmp_path, "viton-hd", drawn_photo(), people=(7,))
    assert load_viton_hd(tmp_path) == []


def test_arms_of_the_pose_lie_on_the_arms_of_the_parse(tmp_path):
    export_to(tmp_path, "viton-hd", posed_photo())
    (sample,) = load_viton_hd(tmp_path)
    assert sample.pose.shape == (25, 2)
    for label, joints in (("Left-arm", (6, 7)), ("Right-arm", (3, 4))):
        x, y = sample.pose[list(joints)].mean(axis=0).astype(int)
        assert sample.parse[y, x] == CIHP.id_of(label)
        assert sample.skeleton[y, x].any()
    assert sample.pose[12, 0] > sample.pose[9, 0]  # hips, which HR-VITON's agnostic picture needs
    assert (sample.skeleton.any(axis=2) & (sample.parse == 0)).mean() < 0.01


@pytest.mark.parametrize("size", [(768, 1024), (384, 512)])
def test_poses_are_in_pixels_of_the_picture(tmp_path, size):
    photo = posed_photo()
    (done,) = export_to(tmp_path, "viton-hd", photo, fit="crop", size_wh=size)
    (sample,) = load_viton_hd(tmp_path, size=size)
    frame = frame_of(done.record["people"][0])
    assert np.abs(sample.pose[0] - frame.to_picture(np.array([at("nose")]))).max() < 0.001


def test_joints_in_the_white_around_the_photo_are_missing(tmp_path):
    export_to(tmp_path, "viton-hd", posed_photo(left_wrist=(200, 430)))
    (sample,) = load_viton_hd(tmp_path)
    assert sample.pose[7].tolist() == [0, 0]


def test_somebody_without_joints_is_nobody_for_openpose(tmp_path):
    (done,) = export_to(tmp_path, "viton-hd", drawn_photo())
    (sample,) = load_viton_hd(tmp_path)
    assert sample.pose is None
    assert not sample.skeleton.any()
    assert done.record["people"][0]["joints"] == 0


def test_openpose_files_have_the_fields_of_openpose(tmp_path):
    export_to(tmp_path, "viton-hd", posed_photo())
    document = json.loads((tmp_path / "test/openpose_json/a_keypoints.json").read_text())
    (person,) = document["people"]
    assert document["version"] == 1.3
    assert person.pop("person_id") == [-1]
    assert len(person.pop("pose_keypoints_2d")) == 75
    kinds = {f"{part}_keypoints_{n}d" for part in ("face", "hand_left", "hand_right") for n in "23"}
    assert person == {name: [] for name in (*kinds, "pose_keypoints_3d")}


def test_idm_vton_finds_picture_mask_pairs_and_tags(tmp_path):
    export_to(tmp_path, "idm-vton", drawn_photo())
    (sample,) = load_inpainting(tmp_path, "test_pairs.txt")
    tags = json.loads((tmp_path / "test/vitonhd_test_tagged.json").read_text())
    assert {name: words for group in tags.values() for name, words in group} == {}
    assert set(np.unique(sample.mask)) == {0, 255}


def test_catvton_finds_picture_mask_and_pairs(tmp_path):
    export_to(tmp_path, "catvton", drawn_photo(), mask=MaskSettings("lower", "fashn"))
    (sample,) = load_inpainting(tmp_path, "test_pairs_unpaired.txt")
    assert sample.cloth == "a.jpg"
    assert sample.mask[-300].any()


def test_dresscode_has_atr_ids_in_the_folder_of_the_category(tmp_path):
    export_to(tmp_path, "dresscode", drawn_photo(), mask=MaskSettings("lower"))
    (sample,) = load_dresscode(tmp_path, "lower_body")
    atr = LABEL_SETS["atr"]
    ids = {atr.id_of(n) for n in ("UpperClothes", "Pants", "Face", "Hair", "Left-arm")}
    assert ids < set(np.unique(sample.parse))
    assert sample.mask[sample.parse == atr.id_of("Pants")].all()


def test_dresscode_has_joints_in_pixels_of_384x512(tmp_path):
    photo = posed_photo(scores={"left_ear": 0.1})
    export_to(tmp_path, "dresscode", photo, drawn_photo("b"))
    first, second = load_dresscode(tmp_path, "upper_body")
    assert first.pose.shape == (18, 4)
    x, y = (first.pose[4, :2] * 768 / 384).astype(int)  # right wrist
    assert first.parse[y, x] == LABEL_SETS["atr"].id_of("Right-arm")
    assert first.skeleton[y, x].max() > 100
    assert first.pose[17].tolist() == [-1, -1, 0, -1]
    assert (second.pose[:, :2] <= 1).all()
    assert not second.skeleton.any()


def test_other_labels_and_another_gray_can_be_asked_for(tmp_path):
    mapping = load_mapping("viton13")
    export_to(tmp_path, "viton-hd", drawn_photo(), mapping=mapping, fill_rgb=(10, 10, 10))
    sample = load_viton_hd(tmp_path)[0]
    assert sample.parse.max() <= 12
    assert np.median(sample.agnostic[sample.mask == 255]) == 10


def test_comfyui_takes_the_mask_from_what_is_transparent(tmp_path):
    photo = drawn_photo()
    export_to(tmp_path, "comfyui", photo)
    with Image.open(tmp_path / "a.png") as image:
        rgba = np.asarray(image)
    with Image.open(tmp_path / "a_mask.png") as image:
        mask = np.asarray(image.convert("RGBA"))[..., 0] / 255
    assert (1 - rgba[..., 3] / 255 == mask).all()  # LoadImage against LoadImageMask on red
    assert (rgba[..., 2::-1] == photo.image_bgr).all()


def test_comfyui_has_the_pose_of_those_whose_joints_are_known(tmp_path):
    export_to(tmp_path, "comfyui", posed_photo(people=2), people="all")
    with Image.open(tmp_path / "a_p1_pose.png") as image:
        pose = np.asarray(image)
    assert pose.shape == (420, 600, 3)
    x, y = at("right_wrist")
    assert pose[y, x].tolist() == [170, 255, 0]  # as ControlNet draws it
    assert not (tmp_path / "a_p2_pose.png").exists()


def test_a_feathered_mask_never_reaches_the_face_in_a_smaller_frame(tmp_path):
    export_to(tmp_path, "viton-hd", drawn_photo(), mask=MaskSettings(feather=9), size_wh=(96, 128))
    sample = load_viton_hd(tmp_path, size=(96, 128))[0]
    assert len(np.unique(sample.mask)) > 3
    assert not sample.mask[sample.parse == FACE].any()


def test_masks_and_label_maps_keep_the_photos_size_and_folders(tmp_path):
    photo = drawn_photo("sub/a")
    export_to(tmp_path, "agnostic", photo)
    export_to(tmp_path, "label-maps", photo, mapping=load_mapping("lip"))
    for folder in (tmp_path / "sub",):
        with Image.open(folder / "a.png") as image:
            assert image.size == (600, 420)


@pytest.mark.parametrize("set_name", ["cihp", "lip"])
def test_label_maps_hold_whom_they_are_asked_for(tmp_path, set_name):
    photo, mapping = drawn_photo("a", people=2), load_mapping(set_name)
    export_to(tmp_path / "one", "label-maps", photo, mapping=mapping, people=(2,))
    export_to(tmp_path / "all", "label-maps", photo, mapping=mapping)
    one, every = (np.asarray(Image.open(tmp_path / of / "a.png")) for of in ("one", "all"))
    second = photo.result.person_map == 2
    assert (one == np.where(second, every, 0)).all()
    assert one.any()
