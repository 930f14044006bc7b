"""``m2fp_cli.colorize``: a result as a picture, for programs that import the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m2fp_cli.arrays import Given, Picture, require_photo
from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import require_one_of, require_share, require_texts, require_truth
from m2fp_cli.records.palette import load_scheme
from m2fp_cli.records.results import ParsingResult, require_result
from m2fp_cli.render.maps import PhotoMaps
from m2fp_cli.render.paint import paint_map
from m2fp_cli.render.pictures import IndexedPicture, PaintSettings, paint_pictures

PAINTED_BY = ("label", "person")


def colorize(
    result: ParsingResult,
    image_bgr: Given | None = None,
    *,
    palette: str | Path = "m2fp",
    by: str = "label",
    labels: Sequence[str] | None = None,
    opacity: float = 0.6,
    contours: bool = False,
    legend: bool = False,
) -> Picture:
    """Paint a result: over its photo, or as a color map of its own.

    Args:
        result: what the parser says.
        image_bgr: the photo, (H, W, 3) uint8 BGR; None for a color map on black.
        palette: ``m2fp``, ``voc``, ``cihp``, or a JSON file of labels and colors.
        by: ``label`` or ``person``: what a color stands for.
        labels: names of the labels to paint, such as ``("hair", "shoes")``; None for all.
        opacity: of the colors over a photo, in [0, 1].
        contours: outline every person.
        legend: add a legend where it hides no face.

    Returns:
        (H, W, 3) uint8 BGR; higher where the legend does not fit into the picture.

    Raises:
        UsageError: no such palette, it does not fit the labels, or there is no such label.
        ImageError: the photo has another size.
        TypeError: the result, the photo, the opacity or ``labels`` is something else, or
            ``contours`` or ``legend`` neither True nor False.
        ValueError: the photo is not (H, W, 3) uint8, the opacity is out of bounds, or there is no
            such ``by``.
    """
    require_result(result)
    require_share(opacity, "opacity")
    require_one_of(by, PAINTED_BY, "by")
    require_truth(contours, "contours")
    require_truth(legend, "legend")
    wanted = None if labels is None else require_texts(labels, "labels", '("hair", "shoes")')
    try:
        result.labels.all_ids_of(wanted or ())
    except KeyError as error:
        raise UsageError(f"labels: {error.args[0]}") from error
    if image_bgr is not None:
        require_photo(image_bgr)
    maps = PhotoMaps(result.labels, result.semantic_map, result.person_map, len(result.people))
    settings = PaintSettings(
        scheme=load_scheme(str(palette), result.labels),
        by=by,
        labels=wanted,
        opacity=opacity,
        color_map=image_bgr is None,
        overlay=image_bgr is not None,
        contours=contours,
        legend=legend,
    )
    pictures = paint_pictures(maps, image_bgr, settings)
    painted = pictures.overlay if pictures.color_map is None else pictures.color_map
    if isinstance(painted, IndexedPicture):
        return paint_map(painted.ids, painted.colors_rgb)
    assert painted is not None  # one of the two was asked for
    return painted
