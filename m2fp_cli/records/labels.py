"""Label sets: what the ids in a semantic map mean.

A label set always comes from a model's configuration: two M2FP checkpoints may number their labels
differently (id 10 is Torso-skin in CIHP and Jumpsuits in LIP).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

HUMAN = "Human"
_LONGEST_NAME = 200  # characters

# What people call labels, and no label set does; folded.
_COMMON_NAMES = {"trousers": "pants", "top": "upperclothes", "neck": "torsoskin"}

CIHP_NAMES = (
    "Background",
    "Hat",
    "Hair",
    "Glove",
    "Sunglasses",
    "UpperClothes",
    "Dress",
    "Coat",
    "Socks",
    "Pants",
    "Torso-skin",
    "Scarf",
    "Skirt",
    "Face",
    "Left-arm",
    "Right-arm",
    "Left-leg",
    "Right-leg",
    "Left-shoe",
    "Right-shoe",
)


@dataclass(frozen=True)
class LabelSet:
    """Names of the labels of one model.

    Attributes:
        names: name per label id, index = id; id 0 is the background.
        human_id: id of the class of whole people, which never appears in a semantic map; None for
            models of a single person, which have no such class.
    """

    names: tuple[str, ...]
    human_id: int | None = None

    def __post_init__(self) -> None:
        """Check that the ids can be stored and looked up.

        Raises:
            ValueError: fewer than 2 or more than 255 names, a repeated name, one that cannot be
                printed or is longer than 200 characters, or a human id that is the background or
                not an id.
        """
        if not 2 <= len(self.names) <= 255:
            raise ValueError(f"a label set needs 2 to 255 names, got {len(self.names)}")
        if len(set(self.names)) != len(self.names):
            raise ValueError("a label set needs distinct names")
        if not all(name.isprintable() and len(name) <= _LONGEST_NAME for name in self.names):
            raise ValueError(f"names are printable, of at most {_LONGEST_NAME} characters")
        if self.human_id is not None and not 0 < self.human_id < len(self.names):
            raise ValueError(f"human_id {self.human_id} is not an id of {len(self.names)} names")

    @property
    def part_ids(self) -> tuple[int, ...]:
        """Ids that can appear in a semantic map, the background excluded."""
        return tuple(i for i in range(1, len(self.names)) if i != self.human_id)

    def id_of(self, name: str) -> int:
        """Id of a label, compared without regard to case, ``-``, ``_`` and spaces.

        Where labels differ in these alone, the one that is spelled so is meant, else the first.

        Raises:
            KeyError: no label has this name; the message lists those that exist.
        """
        if name in self.names:
            return self.names.index(name)
        wanted = folded(name)
        for label_id, known in enumerate(self.names):
            if folded(known) == wanted:
                return label_id
        raise KeyError(f"no label {name!r}; labels are {', '.join(self.names)}")

    def ids_of(self, name: str) -> tuple[int, ...]:
        """Ids that people mean by a name: one label, or its left and right (``shoes``, ``arm``).

        Raises:
            KeyError: no label has this name; the message lists those that exist.
        """
        if self._has(name):
            return (self.id_of(name),)
        wanted = _COMMON_NAMES.get(folded(name), folded(name))
        if self._has(wanted):
            return (self.id_of(wanted),)
        sides = [f"{side}{wanted.removesuffix('s')}" for side in ("left", "right")]
        found = tuple(self.id_of(side) for side in sides if self._has(side))
        return found or (self.id_of(name),)

    def all_ids_of(self, names: Iterable[str]) -> tuple[int, ...]:
        """Ids of several names, see ``ids_of``.

        Raises:
            KeyError: no label has one of the names.
        """
        return tuple(label_id for name in names for label_id in self.ids_of(name))

    def mirrored_ids(self) -> tuple[int, ...]:
        """For every id the one that its pixels have in a mirrored photo: left and right swapped."""
        swapped = []
        for name in self.names:
            low = name.lower()
            other = "right" + name[4:] if low.startswith("left") else name
            other = "left" + name[5:] if low.startswith("right") else other
            swapped.append(self.id_of(other) if other != name and self._has(other) else -1)
        return tuple(i if s < 0 else s for i, s in enumerate(swapped))

    def side_pairs(self, part: str = "") -> tuple[tuple[int, int], ...]:
        """Ids of every label that has a left and a right.

        Args:
            part: only of labels whose name holds this, in lower case; empty for all.

        Returns:
            (left, right) pairs.
        """
        lefts = (name.lower() for name in self.names)
        pairs = zip(lefts, enumerate(self.mirrored_ids()), strict=True)
        return tuple(
            (i, j) for name, (i, j) in pairs if i != j and name[:4] == "left" and part in name
        )

    def _has(self, name: str) -> bool:
        return any(folded(known) == folded(name) for known in self.names)


@functools.lru_cache(maxsize=1024)
def folded(name: str) -> str:
    """A label's name in the form that is compared: without case, ``-``, ``_`` and spaces."""
    return "".join(c for c in name.lower() if c not in "-_ ")


CIHP = LabelSet((*CIHP_NAMES, HUMAN), human_id=len(CIHP_NAMES))

# The ids in label maps of other data sets and tools. LIP differs from CIHP in id 10 only.
_LIP_NAMES = (*CIHP_NAMES[:10], "Jumpsuits", *CIHP_NAMES[11:])
_ATR_NAMES = (
    "Background", "Hat", "Hair", "Sunglasses", "UpperClothes", "Skirt", "Pants", "Dress", "Belt",
    "Left-shoe", "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag",
    "Scarf",
)  # fmt: skip
_VOC_NAMES = (
    "Background", "Aeroplane", "Bicycle", "Bird", "Boat", "Bottle", "Bus", "Car", "Cat", "Chair",
    "Cow", "Dining-table", "Dog", "Horse", "Motorbike", "Person", "Potted-plant", "Sheep", "Sofa",
    "Train", "TV-monitor",
)  # fmt: skip
_VOC_PART_NAMES = (
    "Background", "Head", "Torso", "Upper-arms", "Lower-arms", "Upper-legs", "Lower-legs"
)  # fmt: skip
_VITON_NAMES = (
    "Background", "Hair", "Face", "Upper", "Bottom", "Left-arm", "Right-arm", "Left-leg",
    "Right-leg", "Left-shoe", "Right-shoe", "Socks", "Noise",
)  # fmt: skip

LABEL_SETS = {
    "cihp": LabelSet(CIHP_NAMES),
    "lip": LabelSet(_LIP_NAMES),
    "atr": LabelSet(_ATR_NAMES),
    "voc": LabelSet(_VOC_NAMES),
    "voc-part": LabelSet(_VOC_PART_NAMES),
    "viton13": LabelSet(_VITON_NAMES),
}
"""Label sets of the maps that other tools write, by the name of ``--label-set``."""

IGNORED_ID = 255
"""Id of the pixels that an annotator did not decide, in the maps of all these data sets."""
