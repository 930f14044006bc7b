"""``m2fp bench``: how long a photo takes here, in how much memory, and next to the reference."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2fp_cli import options
from m2fp_cli.errors import UsageError

if TYPE_CHECKING:
    from m2fp_cli.bench.compare import PhotoFigures

RANDOM = "random"


class Opponent(str, Enum):
    """Engines to be measured beside ours."""

    NONE = "none"
    REFERENCE = "reference"


def bench(
    photos: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Photos to measure with; synthetic ones without."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="A model, or 'random': the published size with random weights that find much.",
        ),
    ] = RANDOM,
    sizes: Annotated[
        str,
        typer.Option(metavar="LIST", help="Synthetic photos: 480p, 720p, 1080p, 4k, WxH."),
    ] = "480p,720p,1080p",
    against: Annotated[
        Opponent, typer.Option(help="Measure ModelScope's implementation beside ours, in turn.")
    ] = Opponent.NONE,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Samples per photo and engine.")] = 5,
    limit: Annotated[int, typer.Option(min=1, help="Photos taken from a folder.")] = 10,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="Cores.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="480p and 1080p, two samples.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure the parsing of single photos: seconds per stage, peak memory, agreement.

    With --against reference both engines run in processes of their own and take turns photo by
    photo, so that a busy machine slows both; ratios are medians over pairs.
    """
    from m2fp_cli.bench.compare import measure
    from m2fp_cli.bench.environment import describe_environment, warnings_for
    from m2fp_cli.bench.photos import load_photos, make_photos
    from m2fp_cli.bench.probe import ProbeOrder
    from m2fp_cli.engine.fast.precision import choose_dtype

    cores = threads or len(os.sched_getaffinity(0))
    names = ["480p", "1080p"] if quick else [name for name in sizes.split(",") if name]
    images = make_photos(names) if photos is None else load_photos(photos, limit)
    with tempfile.TemporaryDirectory(prefix="m2fp-random-") as folder:
        if model == RANDOM:
            _write_random_model(Path(folder))
        weights = folder if model == RANDOM else model
        dtype = str(choose_dtype(precision)).removeprefix("torch.")
        ours = f"m2fp {dtype}"
        orders = {ours: ProbeOrder("fast", weights, precision, cores)}
        if against is Opponent.REFERENCE:
            orders["reference"] = ProbeOrder("reference", weights, precision, cores)
        environment = describe_environment(cores)
        figures = []
        for one in measure(images, orders, rounds=2 if quick else rounds):
            figures.append(one)
            print(_line(one), file=sys.stderr, flush=True)
    for warning in warnings_for(environment, [s for f in figures for s in f.seconds[ours]]):
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps({"environment": environment, "photos": [f.as_json() for f in figures]}))
    else:
        _print_table(figures, environment)


def _write_random_model(folder: Path) -> None:
    from m2fp_cli.bench.photos import synthetic_photo
    from m2fp_cli.bench.random_model import build_sharpened, published_document, write_model

    document = published_document()
    write_model(folder, build_sharpened(document, synthetic_photo(480, 640)), document)


def _line(figures: PhotoFigures) -> str:
    from statistics import median

    times = ", ".join(f"{key} {median(values):.2f} s" for key, values in figures.seconds.items())
    return f"{figures.name}: {times}"


def _print_table(figures: list[PhotoFigures], environment: dict[str, Any]) -> None:
    from statistics import median

    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("photo", "engine", "seconds", "network", "rest", "peak MiB", "ratio (95 %)"):
        table.add_column(heading, justify="left" if heading in ("photo", "engine") else "right")
    for one in figures:
        for row, (key, seconds) in enumerate(one.seconds.items()):
            network = one.stages[key]["network"]
            ratio = one.ratio() if row else None
            table.add_row(
                one.name if row == 0 else "",
                key,
                f"{median(seconds):.2f}",
                f"{network:.2f}",
                f"{median(seconds) - network:.2f}",
                f"{one.peak_rss_mib[key]:.0f}",
                f"{ratio[0]:.1f}x ({ratio[1]:.1f}-{ratio[2]:.1f})" if ratio else "",
            )
        if one.agreement:
            table.add_row("", _agreement_text(one), end_section=True)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    versions = " ".join(f"{k} {v}" for k, v in environment["versions"].items())
    console.print(
        f"{environment['cpu']}, {environment['threads']} threads, load "
        f"{environment['load_average'][0]}; {versions}",
        highlight=False,
    )


def _agreement_text(figures: PhotoFigures) -> str:
    found = figures.agreement
    if found is None:
        raise UsageError("nothing was compared")
    return (
        f"labels {found.label_map:.2%}, {found.matched} of {found.instances[1]} instances, "
        f"scores {found.score_difference:.0e}, masks {found.mask_agreement:.2%}"
    )
