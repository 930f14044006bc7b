"""What looks name, loaded: as much of it as fits into the memory stays there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import load_item
from m2fp_cli.tryon.kind import Item, PictureSort
from m2fp_cli.tryon.look import Look
from m2fp_cli.tryon.outfit import Outfit, load_outfit

WARDROBE_BYTES = 300_000_000
"""Of the items that a wardrobe keeps; some 30 of the accessories that come with the tool."""
_BYTES_PER_BYTE = 5  # of a picture: its pixels, and these again as float32


@dataclass
class Wardrobe:
    """Loads items, each once as long as there is room.

    What does not fit is read again whenever it is worn. Items that are in stay: a catalog is gone
    through from front to back, so whatever was used last would be the next to leave.

    Attributes:
        match_light, shadow, layer, picture: as ``fitting.load_outfit`` takes them.
        most_bytes: of the items that are kept.
    """

    match_light: bool = True
    shadow: bool = True
    layer: str = "outer"
    picture: str = "auto"
    most_bytes: int = WARDROBE_BYTES
    _kept: dict[tuple[str, str], Item] = field(default_factory=dict)
    _bytes: int = 0

    def outfit(self, worn: Mapping[str, str]) -> Outfit:
        """An outfit of items.

        Args:
            worn: a file, a name or a color by kind.

        Raises:
            UsageError: something cannot be worn.
        """
        items = {kind: self._item(kind, reference) for kind, reference in worn.items()}
        return load_outfit(
            items, match_light=self.match_light, shadow=self.shadow, layer=self.layer
        )

    def check(self, look: Look) -> None:
        """Load everything that a look names, to see that it can be worn.

        Raises:
            UsageError: something cannot be; the message says where it is written.
        """
        for (kind, reference), where in look.items().items():
            with _naming(where):
                self._item(kind, reference)

    def _item(self, kind: str, reference: str) -> Item:
        kept = self._kept.get((kind, reference))
        if kept is not None:
            return kept
        item = load_item(reference, kind, PictureSort(self.picture))
        size = _bytes_of(item)
        if self._bytes + size <= self.most_bytes:
            self._kept[kind, reference] = item
            self._bytes += size
        return item


@contextlib.contextmanager
def _naming(where: str) -> Iterator[None]:
    """Put in front of an error where the item is written."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _bytes_of(item: Item) -> int:
    """About how much memory an item needs when it is worn."""
    arrays = [one for one in vars(item).values() if isinstance(one, np.ndarray)]
    return _BYTES_PER_BYTE * sum(one.nbytes for one in arrays)
