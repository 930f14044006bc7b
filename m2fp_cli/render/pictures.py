"""The pictures of one photo: its color map and its overlay, as the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from m2fp_cli.arrays import Ids, Picture
from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.encoding import encode_as, encode_jpeg, encode_palette_png, encode_webp
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.palette import ColorScheme, Palette
from m2fp_cli.render.contours import (
    SoftLines,
    antialias,
    draw_lines,
    find_outlines,
    line_width,
)
from m2fp_cli.render.legend import FACE_NAMES, LegendEntry, LegendPlan, draw_legend, plan_legend
from m2fp_cli.render.maps import PhotoMaps
from m2fp_cli.render.paint import paint_clear, paint_map, paint_over

_PERSON_COLORS = 255  # more people share them: a map of 8 bits is painted and stored faster


@dataclass(frozen=True)
class PaintSettings:
    """What to paint, and how.

    Attributes:
        scheme: colors of the labels.
        by: ``label`` or ``person``: what a color stands for.
        labels: names of the labels to paint; None paints all.
        background: of the color map: ``black``, ``photo`` or ``transparent``.
        opacity: 0..1, of the colors in an overlay.
        color_map: paint the color map.
        overlay: paint the overlay.
        contours: draw a line around every person.
        legend: add a legend of the colors to every picture.
        color_map_format: ``png``, ``jpg`` or ``webp``.
        overlay_format: the same.
    """

    scheme: ColorScheme
    by: str = "label"
    labels: tuple[str, ...] | None = None
    background: str = "black"
    opacity: float = 0.6
    color_map: bool = True
    overlay: bool = True
    contours: bool = False
    legend: bool = False
    color_map_format: str = "png"
    overlay_format: str = "jpg"

    @property
    def needs_photo(self) -> bool:
        """Whether the photo is needed beside the maps."""
        return self.overlay or (self.color_map and self.background == "photo")

    @property
    def needs_people(self) -> bool:
        """Whether the person map is needed."""
        return self.by == "person" or self.contours


@dataclass(frozen=True, eq=False)
class ColoredIds:
    """Ids and their colors, ready to paint.

    Attributes:
        ids: (H, W) integers, each an index of ``colors_rgb``; 0 stays clear.
        colors_rgb: (N, 3) uint8.
        names: what each id stands for.
    """

    ids: Ids
    colors_rgb: npt.NDArray[np.uint8]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class IndexedPicture:
    """A picture as a map of ids; its file holds exactly the palette's colors.

    Attributes:
        ids: (H, W) integers, each an index of ``colors_rgb``.
        colors_rgb: (N, 3) uint8.
    """

    ids: Ids
    colors_rgb: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one photo; None for those that were not asked for."""

    color_map: Picture | IndexedPicture | None
    overlay: Picture | None


def paint_pictures(maps: PhotoMaps, image_bgr: Picture | None, settings: PaintSettings) -> Pictures:
    """Paint what the settings ask for.

    Args:
        maps: the labels and people of the photo.
        image_bgr: the photo, (H, W, 3) uint8 BGR of the maps' size; None where
            ``settings.needs_photo`` is false.
        settings: what to paint.

    Raises:
        ImageError: photo and maps differ in size, or people are needed and there is no person map.
    """
    if image_bgr is not None and image_bgr.shape[:2] != maps.image_hw:
        raise ImageError(
            "corrupt",
            f"has {image_bgr.shape[1]} x {image_bgr.shape[0]} pixels, its label map "
            f"{maps.image_hw[1]} x {maps.image_hw[0]}; parse it again",
        )
    chosen = choose_ids(maps, settings)
    annotations = _plan_annotations(maps, chosen, settings)
    color_map = _color_map(chosen, image_bgr, settings, annotations) if settings.color_map else None
    overlay = None
    if settings.overlay and image_bgr is not None:
        overlay = paint_over(image_bgr, chosen.ids, chosen.colors_rgb, opacity=settings.opacity)
        overlay = _draw_annotations(overlay, annotations)
    return Pictures(color_map, overlay)


def choose_ids(maps: PhotoMaps, settings: PaintSettings) -> ColoredIds:
    """Choose what is painted: labels or people, without the labels that are not asked for.

    Args:
        maps: the labels and people of the photo.
        settings: what to paint.

    Raises:
        ImageError: people are asked for and there is no person map, or a label is not in the label
            set.
    """
    kept = _kept_ids(maps.labels, settings.labels)
    if settings.by == "label":
        ids = maps.semantic_map
        if kept is not None:
            ids = np.where(kept, np.arange(256), 0).astype(np.uint8)[ids]
        colors = Palette.for_labels(maps.labels, settings.scheme).colors_rgb
        return ColoredIds(ids, colors, maps.labels.names)
    person_map = _person_map_of(maps)
    ids = np.where(person_map > 0, (person_map - 1) % _PERSON_COLORS + 1, 0).astype(np.uint8)
    if kept is not None:
        ids[~kept[maps.semantic_map]] = 0
    names = ("", *(f"Person {number}" for number in range(1, _PERSON_COLORS + 1)))
    return ColoredIds(ids, Palette.for_people().colors_rgb, names)


def encode_picture(picture: Picture | IndexedPicture, fmt: str) -> bytes:
    """Encode a picture; a map of ids becomes a palette PNG, or a lossless WebP.

    Args:
        picture: as painted.
        fmt: ``png``, ``jpg`` or ``webp``.
    """
    if not isinstance(picture, IndexedPicture):
        return encode_as(fmt, picture)
    if fmt == "png":
        return encode_palette_png(picture.ids, picture.colors_rgb)
    pixels = paint_map(picture.ids, picture.colors_rgb)
    return encode_webp(pixels, lossless=True) if fmt == "webp" else encode_jpeg(pixels)


@dataclass(frozen=True, eq=False)
class _Annotations:
    """What is drawn on top of every picture of a photo; None for what is not.

    Attributes:
        lines: outlines of the people.
        legend: its shape and place.
    """

    lines: SoftLines | None
    legend: LegendPlan | None


def _plan_annotations(maps: PhotoMaps, chosen: ColoredIds, settings: PaintSettings) -> _Annotations:
    lines = legend = None
    if settings.contours:
        lines = antialias(find_outlines(_person_map_of(maps), line_width(maps.image_hw)))
    used = _used_ids(chosen.ids) if settings.legend else []
    if used:
        is_face = np.zeros(256, dtype=np.uint8)
        is_face[[i for i, name in enumerate(maps.labels.names) if name in FACE_NAMES]] = 1
        face_mask = np.asarray(cv2.LUT(maps.semantic_map, is_face)).view(np.bool_)
        colors = chosen.colors_rgb.tolist()
        entries = [
            LegendEntry(chosen.names[i], (colors[i][0], colors[i][1], colors[i][2])) for i in used
        ]
        legend = plan_legend(entries, face_mask, maps.semantic_map > 0)
    return _Annotations(lines, legend)


def _color_map(
    chosen: ColoredIds,
    image_bgr: Picture | None,
    settings: PaintSettings,
    annotations: _Annotations,
) -> Picture | IndexedPicture:
    if settings.background == "photo" and image_bgr is not None:
        picture = paint_over(image_bgr, chosen.ids, chosen.colors_rgb, opacity=1.0)
    elif settings.background == "transparent":
        picture = paint_clear(chosen.ids, chosen.colors_rgb)
    elif annotations.lines is None and annotations.legend is None:
        return IndexedPicture(chosen.ids, chosen.colors_rgb)
    else:
        picture = paint_map(chosen.ids, chosen.colors_rgb)
    return _draw_annotations(picture, annotations)


def _draw_annotations(picture: Picture, annotations: _Annotations) -> Picture:
    """Draw into a picture, in place; a legend may make a new, higher one of it."""
    if annotations.lines is not None:
        draw_lines(picture, annotations.lines)
    return picture if annotations.legend is None else draw_legend(picture, annotations.legend)


def _used_ids(ids: Ids) -> list[int]:
    """Ids above 0 in a map of 8 bits; looking for a byte is faster than counting all of them."""
    data = ids.tobytes()
    return [i for i in range(1, int(ids.max()) + 1) if bytes((i,)) in data]


def _person_map_of(maps: PhotoMaps) -> npt.NDArray[np.uint16]:
    if maps.person_map is None:
        raise ImageError(
            "unsupported", "is a label map without people; paint it by label and without --contours"
        )
    return maps.person_map


def _kept_ids(labels: LabelSet, wanted: tuple[str, ...] | None) -> npt.NDArray[np.bool_] | None:
    """Which ids are painted, (256,) bool; None for all."""
    if wanted is None:
        return None
    kept = np.zeros(256, dtype=np.bool_)
    try:
        kept[list(labels.all_ids_of(wanted))] = True
    except KeyError as error:
        raise ImageError("unsupported", f"was parsed with other labels: {error.args[0]}") from error
    return kept
