"""Label sets: what the ids in a semantic map mean.

A label set comes from a model's configuration, never from an assumption: two M2FP checkpoints may
number their labels differently (id 10 is Torso-skin in CIHP and Jumpsuits in LIP).
"""

from __future__ import annotations

from dataclasses import dataclass

HUMAN = "Human"

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
        human_id: id of the whole-person class, which never appears in a semantic map; None for
            single-human models, which have no such class.
    """

    names: tuple[str, ...]
    human_id: int | None = None

    def __post_init__(self) -> None:
        """Check that the ids can be stored and looked up.

        Raises:
            ValueError: fewer than 2 or more than 255 names, a repeated name, or a human id that is
                no valid id or is the background.
        """
        if not 2 <= len(self.names) <= 255:
            raise ValueError(f"a label set needs 2 to 255 names, got {len(self.names)}")
        if len(set(self.names)) != len(self.names):
            raise ValueError("a label set needs distinct names")
        if self.human_id is not None and not 0 < self.human_id < len(self.names):
            raise ValueError(f"human_id {self.human_id} is not an id of {len(self.names)} names")

    @property
    def part_ids(self) -> tuple[int, ...]:
        """Ids that can appear in a semantic map, the background excluded."""
        return tuple(i for i in range(1, len(self.names)) if i != self.human_id)

    @property
    def num_map_labels(self) -> int:
        """Number of labels of a semantic map, background included."""
        return len(self.part_ids) + 1

    def id_of(self, name: str) -> int:
        """Id of a label, compared without regard to case, ``-``, ``_`` and spaces.

        Raises:
            KeyError: no label has this name; the message lists those that exist.
        """
        wanted = _folded(name)
        for label_id, known in enumerate(self.names):
            if _folded(known) == wanted:
                return label_id
        raise KeyError(f"no label {name!r}; labels are {', '.join(self.names)}")

    def mirrored_ids(self) -> tuple[int, ...]:
        """For every id, the id the same pixel has in a mirrored photo (left and right swapped)."""
        swapped = []
        for name in self.names:
            low = name.lower()
            other = "right" + name[4:] if low.startswith("left") else name
            other = "left" + name[5:] if low.startswith("right") else other
            swapped.append(self.id_of(other) if other != name and self._has(other) else -1)
        return tuple(i if s < 0 else s for i, s in enumerate(swapped))

    def _has(self, name: str) -> bool:
        return any(_folded(known) == _folded(name) for known in self.names)


def _folded(name: str) -> str:
    return "".join(c for c in name.lower() if c not in "-_ ")


CIHP = LabelSet((*CIHP_NAMES, HUMAN), human_id=len(CIHP_NAMES))
