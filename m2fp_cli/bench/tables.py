"""The bench's figures as tables: colored on a terminal, plain text elsewhere."""

from __future__ import annotations

import statistics
from typing import TextIO

from rich.console import Console
from rich.table import Table

from m2fp_cli.bench.comparison import Comparison
from m2fp_cli.bench.document import Document
from m2fp_cli.bench.offline import OfflineFigures
from m2fp_cli.bench.paint import PaintFigures
from m2fp_cli.bench.roofline import TOTAL, RooflineFigures
from m2fp_cli.bench.service import ServiceFigures
from m2fp_cli.bench.single import EngineFigures, PhotoFigures
from m2fp_cli.bench.statistics import Ratio, percentile, summarize
from m2fp_cli.terminal import counted

_PLAIN_WIDTH = 130


def print_document(document: Document, stream: TextIO) -> None:
    """Print every table that has rows, what was agreed, the machine, and the warnings."""
    console = _console(stream)
    tables = (
        single_table(document.single),
        offline_table(document.offline),
        service_table(document.serve),
        roofline_table(document.roofline),
        paint_table(document.paint),
    )
    for table in tables:
        if table.row_count:
            console.print(table)
            console.print()
    for photo in document.single:
        for name, versus in photo.versus.items():
            beside = f" {name}" if len(photo.versus) > 1 else ""
            console.print(f"{photo.name}{beside}: {versus.agreement.line()}", soft_wrap=True)
    versions = " ".join(f"{k} {v}" for k, v in document.environment.versions.items())
    asked = counted(document.settings.threads, "thread")
    console.print(f"{document.environment.line()}; {asked} a photo; {versions}", soft_wrap=True)
    for name, facts in document.engines.items():
        console.print(f"{name}: {facts.dtype}, started in {facts.start_seconds:.1f} s")
    for warning in document.warnings:
        console.print(f"warning: {warning}", style="yellow", soft_wrap=True)


def print_comparison(comparison: Comparison, stream: TextIO) -> None:
    """Print what changed, and how the runs differ otherwise."""
    console = _console(stream)
    table = _table("scenario", "case", "engine", ">first", ">second", ">second/first", "")
    for one in comparison.changes:
        same = {True: "same answer", False: "another answer", None: ""}[one.same_answer]
        verdict = ", ".join(part for part in (one.verdict(), same) if part)
        table.add_row(
            *(one.scenario, one.case, one.engine),
            *(_seconds(one.first), _seconds(one.second)),
            ratio_text(one.ratio, digits=2),
            verdict,
        )
    console.print(table)
    for difference in comparison.differences:
        console.print(f"differs: {difference}", soft_wrap=True)


def single_table(photos: list[PhotoFigures]) -> Table:
    """One row per photo and engine."""
    table = _table(
        *("photo", "engine", ">median", ">p90", ">min", ">n"),
        *(">prepare", ">network", ">post", ">first", ">peak MiB", ">ratio (95 %)"),
    )
    for photo in photos:
        for row, (name, one) in enumerate(photo.engines.items()):
            ratio = ratio_text(photo.versus[name].ratio) if name in photo.versus else ""
            table.add_row(photo.name if row == 0 else "", name, *_single_cells(one), ratio)
        for name, why in photo.failures.items():
            table.add_row("", name, why)
    return table


def _single_cells(one: EngineFigures) -> list[str]:
    summary = one.summary
    return [
        *(_seconds(summary.median), _seconds(summary.p90), _seconds(summary.least)),
        str(summary.count),
        *(_seconds(value) for value in one.stage_medians().values()),
        _seconds(one.first_seconds),
        f"{one.peak_rss_mib:.0f}",
    ]


def offline_table(pools: list[OfflineFigures]) -> Table:
    """One row per shape of the pool."""
    table = _table(
        *("workers x threads", ">photos/s", ">Mpix/s", ">n", ">read", ">prepare", ">network"),
        *(">post", ">write", ">CPU", ">worker MiB", ">all MiB"),
    )
    for pool in pools:
        table.add_row(
            *(pool.name, f"{pool.rate:.2f}", f"{pool.megapixel_rate:.2f}", str(pool.photos)),
            *(_seconds(value) for value in pool.stages.values()),
            *(f"{pool.cpu_share:.0%}", f"{pool.peak_rss_mib:.0f}", f"{pool.memory_mib:.0f}"),
        )
    return table


def service_table(services: list[ServiceFigures]) -> Table:
    """One row per service: with as many clients as it accepts, and with a crowd."""
    table = _table(
        *("workers x threads", ">photos/s", ">of the pool's", ">median", ">crowd", ">200", ">429"),
        *(">other", ">no answer", ">p99", ">bound", ">front MiB", ">workers MiB"),
    )
    for one in services:
        accepted, refused = one.statuses.get(200, 0), one.statuses.get(429, 0)
        other = sum(one.statuses.values()) - accepted - refused
        table.add_row(
            *(one.name, f"{one.rate:.2f}", f"{one.share:.0%}"),
            _seconds(percentile(one.seconds, 50)),
            *(str(n) for n in (one.crowd, accepted, refused, other, one.unanswered)),
            *(_seconds(one.p99_seconds), _seconds(one.bound_seconds)),
            *(f"{pair[0]:.0f}>{pair[1]:.0f}" for pair in (one.front_mib, one.workers_mib)),
        )
    return table


def roofline_table(figures: list[RooflineFigures]) -> Table:
    """One row per photo and stage; the bound is the fastest matrix product."""
    table = _table(
        *("photo", "input", "stage", ">GFLOP", ">seconds", ">GFLOP/s", ">of the product's"),
    )
    for one in figures:
        for row, stage in enumerate(one.seconds):
            seconds = statistics.median(one.seconds[stage])
            table.add_row(
                one.name if row == 0 else "",
                f"{one.input_hw[0]}x{one.input_hw[1]}" if row == 0 else "",
                stage,
                f"{one.flops[stage] / 1e9:.3g}",
                _seconds(seconds),
                f"{one.flops[stage] / seconds / 1e9:.3g}",
                f"{one.share(stage):.0%}" + (f" of {one.dtype}" if stage == TOTAL else ""),
            )
    peaks = figures[0].peak_flops.items() if figures else ()
    table.caption = "matrix product: " + ", ".join(f"{k} {v / 1e9:.0f} GFLOP/s" for k, v in peaks)
    table.caption_justify = "left"
    return table


def paint_table(figures: list[PaintFigures]) -> Table:
    """One row per kind of picture."""
    table = _table("painted", "size", ">workers", ">photos/s", ">median", ">p90", ">n")
    for one in figures:
        summary = summarize(one.seconds)
        table.add_row(
            *(one.name, f"{one.hw[1]}x{one.hw[0]}", str(one.workers), f"{one.rate:.1f}"),
            *(_seconds(summary.median), _seconds(summary.p90), str(summary.count)),
        )
    return table


def ratio_text(ratio: Ratio, *, digits: int = 1) -> str:
    """``8.1x (7.9-8.4)``; without an interval where there are too few samples."""
    text = f"{ratio.value:.{digits}f}x"
    if ratio.low is None or ratio.high is None:
        return f"{text} (n={ratio.count})"
    return f"{text} ({ratio.low:.{digits}f}-{ratio.high:.{digits}f})"


def _seconds(value: float) -> str:
    """Three digits or so, whatever the size."""
    if value >= 1:
        return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
    milliseconds = value * 1e3
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _table(*headings: str) -> Table:
    """A table without lines; ``>`` before a heading puts its column to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        right = heading.startswith(">")
        table.add_column(
            heading.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=right,
        )
    return table


def _console(stream: TextIO) -> Console:
    """Names of photos may hold anything, so markup is off."""
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)
