"""Two runs of the bench against each other: what changed, and whether it can be chance."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m2fp_cli.bench.document import FORMAT, Series
from m2fp_cli.bench.statistics import Ratio, ratio_of_medians
from m2fp_cli.errors import NoInputError, UsageError
from m2fp_cli.jsonio import read_json
from m2fp_cli.terminal import displayable

_TOLD_SETTINGS = ("model", "weights", "precision", "threads")
_TOLD_MACHINE = ("cpu", "cores", "kernel", "m2fp", "commit", "python", "versions", "variables")


@dataclass(frozen=True)
class StoredRun:
    """What a comparison needs of a stored run.

    Attributes:
        path: its file.
        photos_sha256: digest of its photos.
        told: settings and machine, by name, as text.
        series: its samples.
    """

    path: Path
    photos_sha256: str
    told: dict[str, str]
    series: list[Series]


@dataclass(frozen=True)
class Change:
    """One series in both runs.

    Attributes:
        scenario: of the series.
        case: of the series.
        engine: of the series.
        first: median of the first run, in seconds.
        second: median of the second run.
        ratio: second / first; below 1 is faster.
        same_answer: whether the answers are equal; None if there are none to compare.
    """

    scenario: str
    case: str
    engine: str
    first: float
    second: float
    ratio: Ratio
    same_answer: bool | None

    def verdict(self) -> str:
        """What it means, in words."""
        if self.ratio.low is None:
            return "too few samples"
        if not self.ratio.is_significant:
            return "no significant difference"
        return "faster" if self.ratio.value < 1 else "slower"


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        changes: series that both have.
        differences: how settings and machines differ, in sentences.
    """

    changes: list[Change]
    differences: list[str]

    def as_json(self) -> dict[str, Any]:
        """The comparison as ``--json`` prints it."""
        changes = [{**asdict(one), "verdict": one.verdict()} for one in self.changes]
        return {"changes": changes, "differences": self.differences}


def load_run(path: Path) -> StoredRun:
    """Read what ``m2fp bench`` wrote.

    Raises:
        NoInputError: there is no such file, or it cannot be read.
        UsageError: it is something else.
    """
    name = displayable(path)
    try:
        document = read_json(path)
        if document["format"] != FORMAT:
            raise UsageError(f"{name}: is of format {document['format']!r}, not {FORMAT!r}")
        settings, machine = document["settings"], document["environment"]
        told = {key: _shown(settings[key]) for key in _TOLD_SETTINGS}
        told |= {key: _shown(machine[key]) for key in _TOLD_MACHINE}
        series = [Series(**entry) for entry in document["series"]]
        return StoredRun(path, str(settings["photos_sha256"]), told, series)
    except OSError as error:
        raise NoInputError(
            f"{name}: cannot be read ({error.strerror}); name a file of m2fp bench --json or -o"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{name}: was not written by m2fp bench --json or -o") from error


def compare_runs(first: StoredRun, second: StoredRun) -> Comparison:
    """Compare what both runs have measured.

    Raises:
        UsageError: they saw different photos, or have nothing in common.
    """
    if first.photos_sha256 != second.photos_sha256:
        raise UsageError("the two runs measured different photos; times of them say nothing")
    others = {(one.scenario, one.case, one.engine): one for one in second.series}
    changes = [
        _change(one, others[key])
        for one in first.series
        if (key := (one.scenario, one.case, one.engine)) in others
        and one.seconds
        and others[key].seconds
    ]
    if not changes:
        raise UsageError("the two runs have no case in common")
    differences = [
        f"{key}: {value} | {second.told[key]}"
        for key, value in first.told.items()
        if value != second.told[key]
    ]
    return Comparison(changes, differences)


def _change(one: Series, other: Series) -> Change:
    return Change(
        scenario=one.scenario,
        case=one.case,
        engine=one.engine,
        first=statistics.median(one.seconds),
        second=statistics.median(other.seconds),
        ratio=ratio_of_medians(one.seconds, other.seconds),
        same_answer=one.answer == other.answer if one.answer and other.answer else None,
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
