"""VITON-HD and HR-VITON: picture, parse, agnostic picture and parse, mask, pose, list of pairs.

Folders, names and modes are those that the loaders of shadow2496/VITON-HD (datasets.py) and
sangyun884/HR-VITON (cp_dataset_test.py) read; StableVITON and LaDI-VTON read the same tree. Poses
have the form of the data set's own files, which OpenPose wrote.
"""

from __future__ import annotations

from m2fp_cli.exports.format import JPEG_QUALITY, ExportSettings, Format, NamedFiles, to_json
from m2fp_cli.exports.poses import BODY_25, openpose_document
from m2fp_cli.exports.skeletons import BODY_25_STYLE, draw_skeleton
from m2fp_cli.exports.subjects import Subject
from m2fp_cli.exports.tryon_set import NOT_MADE, colored, encode_people, picture_of, write_pairs
from m2fp_cli.imaging.encoding import encode_jpeg, encode_png
from m2fp_cli.records.mapping import load_mapping

GRAY = 128


def files_of(subject: Subject, settings: ExportSettings) -> NamedFiles:
    """All files of a person."""
    root, name = settings.split, subject.name
    mapping = settings.mapping or load_mapping(FORMAT.label_set)
    fill = settings.fill_rgb or (GRAY, GRAY, GRAY)
    pose = subject.pose(BODY_25)
    skeleton = draw_skeleton(pose, settings.size_wh, BODY_25_STYLE)
    agnostic = encode_jpeg(subject.agnostic_picture(fill), quality=JPEG_QUALITY)
    return {
        f"{root}/image/{name}.jpg": picture_of(subject),
        f"{root}/image-parse-v3/{name}.png": colored(subject.mapped(mapping), mapping),
        f"{root}/image-parse-agnostic-v3.2/{name}.png": colored(
            subject.agnostic_map(mapping), mapping
        ),
        f"{root}/agnostic-v3.2/{name}.jpg": agnostic,
        f"{root}/agnostic-mask/{name}_mask.png": encode_png(subject.mask),
        f"{root}/openpose_json/{name}_keypoints.json": to_json(openpose_document(pose)),
        f"{root}/openpose_img/{name}_rendered.png": encode_png(skeleton),
    }


FORMAT = Format(
    name="viton-hd",
    summary="VITON-HD, HR-VITON, StableVITON, LaDI-VTON",
    encode=encode_people(files_of),
    finish=write_pairs("{split}_pairs.txt"),
    people="largest",
    split="test",
    takes_labels=True,
    label_set="cihp",
    masks=True,
    joints=True,
    scales=True,
    fill=GRAY,
    not_made=NOT_MADE,
)
