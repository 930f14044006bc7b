"""The report: one HTML file that holds everything it shows and loads nothing else."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any

from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.palette import Palette
from m2fp_cli.records.results import count_sure
from m2fp_cli.render.previews import Preview, ShownPerson
from m2fp_cli.terminal import displayable
from m2fp_cli.version import __version__

_CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class ShownPhoto:
    """One photo in the page's index.

    Attributes:
        name: its key, safe to print.
        block: number of its data block; -1 if it has none.
        label_set: index of its label set.
        labels: ids of the labels in it.
        people: number of people with a score of at least ``SURE_SCORE``.
        seconds: time that its parse took; None if that is not known.
        reason: class of its failure; empty if it was parsed. One that failed and has a block shows
            the results of an earlier run.
        message: the failure in a sentence.
    """

    name: str
    block: int = -1
    label_set: int = 0
    labels: tuple[int, ...] = ()
    people: int = 0
    seconds: float | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class ShownLabels:
    """One label set of the page.

    Attributes:
        names: by id.
        colors: by id, as (red, green, blue).
    """

    names: tuple[str, ...]
    colors: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Block:
    """The large part of a photo's data, parsed by the page only when the photo is looked at.

    The attributes are those of ``previews.Preview``.
    """

    hw: tuple[int, int]
    people: tuple[ShownPerson, ...]
    thumbnail: str
    photo: str
    ids: str
    tryon: str


@dataclass(frozen=True)
class StageTime:
    """Mean time of one stage over the photos that were parsed."""

    name: str
    seconds: float


@dataclass(frozen=True)
class ParseFacts:
    """What the page says about the parse behind its photos; what is not known is left out.

    Attributes:
        model: as the user named it; several with their numbers of photos.
        engine: ``fast`` or ``reference``.
        started: when the last run began, in seconds since the epoch.
        stages: mean times, in the order of the work.
    """

    model: str = ""
    engine: str = ""
    started: float | None = None
    stages: tuple[StageTime, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One line of the summary."""

    name: str
    value: str


@dataclass(frozen=True)
class StageShare:
    """Mean time of one stage, and its share of the whole."""

    name: str
    seconds: float
    percent: float


class PageBuilder:
    """Collects photos and makes the page."""

    def __init__(self, title: str) -> None:
        """Start an empty page."""
        self._title = title
        self._photos: list[ShownPhoto] = []
        self._blocks: list[Block] = []
        self._label_sets: dict[tuple[str, ...], int] = {}

    def add_photo(
        self,
        key: str,
        preview: Preview,
        seconds: float | None,
        failure: tuple[str, str] = ("", ""),
    ) -> None:
        """Add a photo that was parsed.

        Args:
            key: of the photo in the output.
            preview: what is shown of it.
            seconds: time that its parse took; None if that is not known.
            failure: reason and sentence of its latest run, which left the results of an earlier
                one; empty where it did not fail.
        """
        label_set = self._label_sets.setdefault(preview.labels, len(self._label_sets))
        self._photos.append(
            ShownPhoto(
                name=displayable(key),
                block=len(self._blocks),
                label_set=label_set,
                labels=preview.label_ids,
                people=count_sure(person.score for person in preview.people if person.id),
                seconds=None if seconds is None else round(seconds, 3),
                reason=failure[0],
                message=failure[1],
            )
        )
        self._blocks.append(
            Block(
                preview.hw,
                preview.people,
                preview.thumbnail,
                preview.photo,
                preview.ids,
                preview.tryon,
            )
        )

    def add_failure(self, name: str, reason: str, message: str) -> None:
        """Add a photo that could not be parsed.

        Args:
            name: of the photo.
            reason: class of the failure.
            message: the failure in a sentence.
        """
        self._photos.append(ShownPhoto(displayable(name), reason=reason, message=message))

    def render(self, parse: ParseFacts, *, left_out: int) -> str:
        """Make the page.

        Args:
            parse: what is known of the parse.
            left_out: number of parsed photos that are not in the page.
        """
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        environment = Environment(
            loader=PackageLoader("m2fp_cli.render", "page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["script_json"] = lambda value: Markup(_script_json(value))
        environment.filters["one_scope"] = lambda text: Markup(_in_one_scope(text))
        template = environment.get_template("report.html.j2")
        failures = [photo for photo in self._photos if photo.reason]
        return template.render(
            title=self._title,
            csp=_CSP,
            version=__version__,
            made=time.strftime("%Y-%m-%d %H:%M"),
            facts=list(self._facts(parse, left_out)),
            stages=_stage_shares(parse.stages),
            failures=failures,
            reasons=Counter(photo.reason for photo in failures).most_common(),
            index={
                "photos": [_without_defaults(photo) for photo in self._photos],
                "labelSets": [asdict(_shown_labels(names)) for names in self._label_sets],
                "peopleColors": Palette.for_people().colors_rgb.tolist(),
            },
            blocks=(asdict(block) for block in self._blocks),
        )

    def _facts(self, parse: ParseFacts, left_out: int) -> Iterator[Fact]:
        parsed = [photo for photo in self._photos if not photo.reason]
        failed = len(self._photos) - len(parsed)
        yield Fact("Photos", f"{len(self._photos) + left_out:,}")
        if left_out:
            yield Fact("Not shown here", f"{left_out:,}")
        yield Fact("Failed", f"{failed:,}")
        yield Fact("People", f"{sum(photo.people for photo in parsed):,}")
        if parse.model:
            yield Fact("Model", displayable(parse.model))
        if parse.engine:
            yield Fact("Engine", displayable(parse.engine))
        if parse.started is not None:
            yield Fact("Last run", time.strftime("%Y-%m-%d %H:%M", time.localtime(parse.started)))
        totals = sorted(photo.seconds for photo in parsed if photo.seconds)
        if totals:
            yield Fact("Seconds a photo", _spread(totals))


def _in_one_scope(script: str) -> str:
    """A module's text for the one scope of the page, where all names are known already."""
    script = re.sub(r"^import .*\n", "", script, flags=re.MULTILINE)
    return re.sub(r"^export ", "", script, flags=re.MULTILINE)


def _spread(totals: Sequence[float]) -> str:
    """Median, 90th percentile and largest of some times."""
    deciles = quantiles(totals, n=10, method="inclusive") if len(totals) > 1 else [totals[0]] * 9
    return f"{deciles[4]:.2f} (90 % under {deciles[8]:.2f}, at most {totals[-1]:.2f})"


def _stage_shares(stages: Sequence[StageTime]) -> list[StageShare]:
    """Times and their shares of the whole; empty if no time is known."""
    total = sum(stage.seconds for stage in stages)
    if not total:
        return []
    return [StageShare(one.name, one.seconds, 100 * one.seconds / total) for one in stages]


def _shown_labels(names: tuple[str, ...]) -> ShownLabels:
    colors = Palette.for_labels(LabelSet(names)).colors_rgb
    return ShownLabels(names, tuple(tuple(color) for color in colors.tolist()))


def _script_json(value: Any) -> str:
    """JSON for a script element: ASCII, and nothing in it can end the element.

    Jinja's own filter escapes four characters more, which takes several times as long over the
    many megabytes of a page.
    """
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _without_defaults(photo: ShownPhoto) -> dict[str, Any]:
    """The fields that differ from their defaults: a page may hold a thousand photos."""
    plain = asdict(ShownPhoto(""))
    return {key: value for key, value in asdict(photo).items() if value != plain[key]}
