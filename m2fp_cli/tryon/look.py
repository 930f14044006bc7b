"""Looks: who wears what, and what is left to chance.

What is said of a person goes before what is said of the largest one, and that before what is said
of everyone. The choice depends on the seed, the photo's key, the person's id, the kind and the
item's name alone: neither on the order of the work nor on the order of a list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from m2fp_cli.errors import UsageError
from m2fp_cli.records.results import Person
from m2fp_cli.storage.short_names import shorten_name
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.kinds import KIND_NAMES

NOTHING = "none"
"""In place of an item: nothing of this kind is put on."""


@dataclass(frozen=True)
class Wish:
    """What somebody wears of one kind.

    Attributes:
        items: absolute paths, names or colors, one of which is worn; or ``NOTHING``.
        is_list: they come from a list or a folder, whose items are shown one by one if asked.
        where: file and key where it is written, for messages; an option's name without a file.
    """

    items: tuple[str, ...]
    is_list: bool = False
    where: str = ""


Table = Mapping[str, Wish]
"""Wishes by kind."""


@dataclass(frozen=True)
class Variant:
    """One way in which a photo is shown.

    Attributes:
        name: kind and item, for a file.
        kind: of the item.
        item: the one that is shown.
        look: the whole look with this item in place of the lists.
    """

    name: str
    kind: str
    item: str
    look: Look


@dataclass(frozen=True)
class Look:
    """Who wears what.

    Attributes:
        everyone: for all people.
        largest: for the largest person of each photo.
        people: for people of these ids.
        seed: another number, another choice.
    """

    everyone: Table = field(default_factory=dict)
    largest: Table = field(default_factory=dict)
    people: Mapping[int, Table] = field(default_factory=dict)
    seed: int = 0

    def tables(self) -> Iterator[tuple[str, Table]]:
        """All tables with their names."""
        yield "everyone", self.everyone
        yield "largest", self.largest
        yield from ((f"person.{number}", table) for number, table in self.people.items())

    def wishes(self) -> Iterator[tuple[str, Wish]]:
        """All that is wished for, with its kind."""
        for _, table in self.tables():
            yield from table.items()

    def items(self) -> dict[tuple[str, str], str]:
        """By kind and item, each once: where it is written."""
        found: dict[tuple[str, str], str] = {}
        for kind, wish in self.wishes():
            for item in wish.items:
                if item != NOTHING:
                    found.setdefault((kind, item), wish.where)
        return found

    def choose(self, key: str, people: Sequence[Person]) -> dict[int, dict[str, str]]:
        """What the people of a photo wear.

        Args:
            key: of the photo.
            people: all of them.

        Returns:
            an item by kind, by the id of each person who wears something.
        """
        largest = max(people, key=lambda person: person.mask.area, default=None)
        chosen = {}
        for person in people:
            table = {**self.everyone, **(self.largest if person is largest else {})}
            table |= self.people.get(person.person_id, {})
            worn = {
                kind: self._pick(key, person.person_id, kind, table[kind].items)
                for kind in KIND_NAMES
                if kind in table
            }
            worn = {kind: item for kind, item in worn.items() if item != NOTHING}
            if worn:
                chosen[person.person_id] = worn
        return chosen

    def _pick(self, key: str, person_id: int, kind: str, items: tuple[str, ...]) -> str:
        """One of some items: that with the highest hash.

        So an item more or less changes the choice only of those who wear it.
        """

        def weight(item: str) -> bytes:
            text = "\0".join((str(self.seed), key, str(person_id), kind, item_name(item)))
            return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

        return max(items, key=weight)

    def variants(self) -> tuple[Variant, ...]:
        """A variant for each item of each list and folder, by kind, in their order.

        What is not in a list is worn in every variant; of the lists only the variant's item, by
        those whose list has it.

        Raises:
            UsageError: two items would have the same name.
        """
        return tuple(
            Variant(shorten_name(f"{kind}-{name}"), kind, item, self._only(kind, item))
            for kind in KIND_NAMES
            for name, item in items_by_name(self._listed(kind)).items()
        )

    def _listed(self, kind: str) -> Iterator[str]:
        for one, wish in self.wishes():
            if one == kind and wish.is_list:
                yield from (item for item in wish.items if item != NOTHING)

    def _only(self, kind: str, item: str) -> Look:
        """The look with one item in place of the lists."""

        def is_shown(one: str, wish: Wish) -> bool:
            return one == kind and item in wish.items

        def cut(table: Table) -> Table:
            return {
                one: replace(wish, items=(item if is_shown(one, wish) else NOTHING,))
                if wish.is_list
                else wish
                for one, wish in table.items()
            }

        people = {number: cut(table) for number, table in self.people.items()}
        return replace(self, everyone=cut(self.everyone), largest=cut(self.largest), people=people)


def item_name(item: str) -> str:
    """Name of an item, for files: of a picture without its folder and suffix, of a color."""
    path = Path(item)
    return path.stem if path.is_absolute() else item.removeprefix("#").lower()


def items_by_name(items: Iterable[str]) -> dict[str, str]:
    """Items by their names, see ``item_name``.

    Raises:
        UsageError: two have the same.
    """
    found: dict[str, str] = {}
    for item in items:
        other = found.setdefault(item_name(item), item)
        if other != item:
            raise UsageError(
                f"{displayable(other)} and {displayable(item)} have the same name; rename one of "
                "them, so that each has a picture of its own"
            )
    return found
