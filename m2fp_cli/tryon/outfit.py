"""What somebody is to wear, loaded once for many photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import load_item
from m2fp_cli.tryon.kind import BodyKind, HeadKind, Item, PictureSort
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of
from m2fp_cli.tryon.worn_top import TopLayer


@dataclass(frozen=True, eq=False)
class Outfit:
    """What is to be worn.

    Attributes:
        items: at most one of each kind, in the order of ``kinds.KINDS``.
        match_light: whether accessories get the light of the photo.
        shadow: whether accessories throw shadows.
        layer: which of two tops over each other is meant.
    """

    items: tuple[Item, ...]
    match_light: bool = True
    shadow: bool = True
    layer: TopLayer = TopLayer.OUTER

    @property
    def on_head(self) -> list[tuple[HeadKind, Item]]:
        """The items that are placed on a head, with their kinds."""
        kinds = [(kind_of(item.kind), item) for item in self.items]
        return [(kind, item) for kind, item in kinds if isinstance(kind, HeadKind)]

    @property
    def on_body(self) -> list[tuple[BodyKind, Item]]:
        """The items that need no face, with their kinds."""
        kinds = [(kind_of(item.kind), item) for item in self.items]
        return [(kind, item) for kind, item in kinds if isinstance(kind, BodyKind)]

    @property
    def needs_instances(self) -> bool:
        """Whether the network's own instances are looked at."""
        return any(kind.needs_instances for kind, _ in self.on_body)


def load_outfit(
    worn: Mapping[str, str | Item],
    *,
    match_light: bool = True,
    shadow: bool = True,
    layer: str = "outer",
    picture: str = "auto",
) -> Outfit:
    """Read what is to be worn.

    Args:
        worn: by kind (``kinds.KIND_NAMES``) a file, a name, a color, or an item that is loaded.
        match_light: whether accessories get the light of the photo.
        shadow: whether accessories throw shadows.
        layer: ``outer`` or ``inner``: which of two tops over each other is meant.
        picture: ``garment`` or ``fabric``: what the picture of a top or bottom
            shows; ``auto`` looks.

    Raises:
        TypeError: it is no mapping, or an item is something else.
        UsageError: there is no such kind or layer, or something cannot be worn.
    """
    if not isinstance(worn, Mapping):
        raise TypeError(
            'what is worn must be a mapping such as {"hat": "fedora"}, or an outfit, got '
            f"{type(worn).__name__}"
        )
    unknown = [kind for kind in worn if kind not in KIND_NAMES]
    if unknown:
        raise UsageError(f"there is no kind {unknown[0]!r}; kinds are {', '.join(KIND_NAMES)}")
    if picture not in list(PictureSort):
        raise UsageError(f"picture must be auto, garment or fabric, got {picture!r}")
    items = [
        _load(item, kind, PictureSort(picture))
        for kind in KIND_NAMES
        if (item := worn.get(kind)) is not None
    ]
    if layer not in list(TopLayer):
        raise UsageError(f"layer must be outer or inner, got {layer!r}")
    return Outfit(tuple(items), match_light, shadow, TopLayer(layer))


def _load(item: str | Item, kind: str, picture: PictureSort) -> Item:
    """An item that is loaded, or that a text names."""
    if isinstance(item, str):
        return load_item(item, kind, picture)
    if getattr(item, "kind", None) is None:  # what every item has
        raise TypeError(
            f"{kind} must be a text (a name, a file or a color) or a loaded item, got "
            f"{type(item).__name__}"
        )
    return item
