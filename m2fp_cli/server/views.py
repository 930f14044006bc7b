"""What an answer can be: the views of a result and of a try-on, and which one a client means."""

from __future__ import annotations

from dataclasses import dataclass

from m2fp_cli.server.problem import Problem

JSON, PNG, JPEG, WEBP, ZIP = (
    "application/json",
    "image/png",
    "image/jpeg",
    "image/webp",
    "application/zip",
)


@dataclass(frozen=True)
class View:
    """One form of an answer.

    Attributes:
        name: value of ``as``.
        media_types: what it can be encoded as; the first one unless ``Accept`` prefers another.
        help: one line for the API's description.
    """

    name: str
    media_types: tuple[str, ...]
    help: str


PARSE_VIEWS = (
    View("json", (JSON,), "the result: people, parts, scores, boxes, masks as COCO RLE"),
    View("labels", (PNG,), "label map, palette PNG, pixel = label id"),
    View("people", (PNG,), "person map, palette PNG, pixel = person id, 0 = nobody"),
    View("colors", (PNG, JPEG, WEBP), "color map"),
    View("overlay", (JPEG, PNG, WEBP), "the photo with the colors over it"),
    View("cutout", (PNG, WEBP), "the people, or the labels asked for, on nothing"),
    View("zip", (ZIP,), "all of it, named like the output of m2fp parse and m2fp colorize"),
    View("preview", (JSON,), "what the page draws: small pictures, ids and scores"),
)
TRYON_VIEWS = (
    View("picture", (JPEG, PNG, WEBP), "the photo with what is worn"),
    View("json", (JSON,), "the record: what was placed on whom, where, and what was left out"),
    View("preview", (JSON,), "the record and a small picture, for the page"),
)

# What a media type in ``Accept`` means where ``as`` is not given.
_PARSE_DEFAULTS = {JSON: "json", PNG: "labels", JPEG: "colors", WEBP: "overlay", ZIP: "zip"}
_TRYON_DEFAULTS = {JPEG: "picture", PNG: "picture", WEBP: "picture", JSON: "json"}


@dataclass(frozen=True)
class Asked:
    """What a client asks for.

    Attributes:
        view: name of the view.
        media_type: how it is encoded.
        labels: names of the labels to show; None for all.
        by: ``label`` or ``person``: what a color stands for.
    """

    view: str
    media_type: str
    labels: tuple[str, ...] | None = None
    by: str = "label"


def choose_parse_view(named: str | None, accept: str) -> tuple[str, str]:
    """View and media type of a parse; see ``_choose``."""
    return _choose(PARSE_VIEWS, _PARSE_DEFAULTS, named, accept)


def choose_tryon_view(named: str | None, accept: str) -> tuple[str, str]:
    """View and media type of a try-on; see ``_choose``."""
    return _choose(TRYON_VIEWS, _TRYON_DEFAULTS, named, accept)


def _choose(
    views: tuple[View, ...], defaults: dict[str, str], named: str | None, accept: str
) -> tuple[str, str]:
    """View and media type that a client asks for.

    Args:
        views: those that there are.
        defaults: view by media type, the usual one first.
        named: value of ``as``, None if it is not given; it decides the view.
        accept: value of the ``Accept`` header; it decides the encoding, and the view without
            ``as``.

    Raises:
        Problem: 400 for an unknown view, 406 where nothing fits ``Accept``.
    """
    ranges = parse_accept(accept)
    if named is not None:
        view = next((one for one in views if one.name == named), None)
        if view is None:
            known = ", ".join(one.name for one in views)
            raise Problem(400, "bad_parameter", f"as: there is no {named[:40]!r}, take {known}")
        return view.name, _preferred(view.media_types, ranges) or view.media_types[0]
    media_type = _preferred(tuple(defaults), ranges)
    if media_type is None:
        raise Problem(406, "not_acceptable", f"Accept: take one of {', '.join(defaults)}")
    return defaults[media_type], media_type


def _preferred(offered: tuple[str, ...], ranges: dict[str, float]) -> str | None:
    """The media type with the highest quality, the earlier one among equals."""
    qualities = {media_type: _quality(media_type, ranges) for media_type in offered}
    best = max(offered, key=lambda media_type: qualities[media_type])
    return best if qualities[best] > 0 else None


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    family = media_type.partition("/")[0]
    for pattern in (media_type, f"{family}/*", "*/*"):
        if pattern in ranges:
            return ranges[pattern]
    return 0.0


def parse_accept(accept: str) -> dict[str, float]:
    """Media ranges of an ``Accept`` header and their qualities; an empty header takes anything.

    What cannot be read is left out, as RFC 9110 lets servers do.
    """
    ranges: dict[str, float] = {}
    for item in accept.lower().split(",")[:50]:
        media_type, *parameters = (word.strip() for word in item.split(";"))
        if "/" in media_type:
            ranges[media_type] = _q_of(parameters)
    return ranges or {"*/*": 1.0}


def _q_of(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return min(1.0, quality) if quality >= 0 else 0.0
    return 1.0
