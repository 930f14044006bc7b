"""The figures as a JSON document, and as tables for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.evaluation.judge import Figures
from m2fp_cli.evaluation.precision import THRESHOLDS
from m2fp_cli.evaluation.run import RunRecord

TITLES = {
    "mean_iou": "mean IoU",
    "pixel_accuracy": "pixel accuracy",
    "person_iou": "person IoU",
    "ap_r": "AP^r",
    "ap_r_50": "AP^r 50",
    "ap_parts": "AP parts",
    "ap_parts_50": "AP parts 50",
    "ap_p": "AP^p",
    "ap_p_50": "AP^p 50",
    "pcp_50": "PCP 50",
    "ap_h": "AP^h",
    "ap_h_50": "AP^h 50",
}
"""Names of the headline figures, by those in the JSON."""

_DIGITS = 5


def as_document(
    figures: Figures, run_record: RunRecord, dataset: str, made_by: dict[str, str]
) -> dict[str, Any]:
    """The JSON document; shares are in 0..1, what is not defined is null."""
    seconds = _plain(run_record.seconds)
    document = {
        "dataset": dataset,
        "made_by": made_by,
        "photos": figures.photos,
        "failed": [
            {"photo": one.source, "reason": one.reason, "message": one.message}
            for one in run_record.failures
        ],
        "seconds_a_photo": seconds,
        "figures": {name: _plain(value) for name, value in headline(figures).items()},
        "labels": list(label_rows(figures)),
    }
    if figures.people is not None:
        document["people"] = {
            "photos": figures.people.photos,
            "people": figures.people.people,
            "thresholds": list(THRESHOLDS),
            "ap_r": [_plain(value) for value in _mean_columns(figures.people.region)],
            "ap_parts": [_plain(value) for value in _mean_columns(figures.people.part)],
            "ap_p": [_plain(value) for value in figures.people.person],
            "pcp": [_plain(value) for value in figures.people.correct_parts],
        }
    return document


def headline(figures: Figures) -> dict[str, float]:
    """The figures that are compared, by the names of ``TITLES``; 0..1, nan if not defined."""
    labels = figures.labels
    values = {
        "mean_iou": labels.mean_iou,
        "pixel_accuracy": labels.pixel_accuracy,
        "person_iou": labels.person_iou,
    }
    return values | (figures.people.headline() if figures.people else {})


def label_rows(figures: Figures) -> Iterator[dict[str, Any]]:
    """One row per label of the model: id, name, share of the true pixels, IoU, AP^r."""
    counts, labels = figures.labels.counts, figures.labels.labels
    shares = counts.sum(1) / max(int(counts.sum()), 1)
    iou, regions = figures.labels.iou, _region_means(figures)
    for label_id in (0, *labels.part_ids):
        row = {
            "id": label_id,
            "name": labels.names[label_id],
            "share": _plain(shares[label_id]),
            "iou": _plain(iou[label_id]),
        }
        if figures.people is not None:
            row["ap_r"] = _plain(regions.get(label_id, math.nan))
        yield row


def print_tables(document: dict[str, Any], *, width: int | None) -> None:
    """Print the figures on stdout, in per cent.

    Args:
        document: as ``as_document`` builds it.
        width: columns of the page; None asks the terminal.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(width=width, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("figure")
    table.add_column("%", justify="right")
    for name, value in document["figures"].items():
        table.add_row(TITLES[name], _percent(value))
    console.print(table)
    console.print()
    console.print(_label_table(document["labels"]))


def _label_table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", justify="right")
    table.add_column("label")
    columns = [("share", "of pixels"), ("iou", "IoU"), ("ap_r", "AP^r")]
    shown = [(name, title) for name, title in columns if name in rows[0]]
    for _, title in shown:
        table.add_column(title, justify="right")
    for row in rows:
        cells = (_percent(row[name]) if name in row else "" for name, _ in shown)
        table.add_row(str(row["id"]), Text(row["name"]), *cells)
    return table


def _region_means(figures: Figures) -> dict[int, float]:
    """AP^r of each label, over the thresholds."""
    if figures.people is None:
        return {}
    means = figures.people.region.mean(axis=1)
    return dict(zip(figures.people.region_labels, means.tolist(), strict=True))


def _mean_columns(table: NDArray[np.float64]) -> list[float]:
    """Mean of each column over the rows that are defined."""
    defined = table[np.isfinite(table).all(axis=1)]
    means = defined.mean(axis=0) if len(defined) else np.full(table.shape[1], math.nan)
    return [float(value) for value in means]


def _plain(value: float) -> float | None:
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
