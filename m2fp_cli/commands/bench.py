"""``m2fp bench``: how long parsing takes on this machine, where, and beside ModelScope's code."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.bench_choices import (
    Opponent,
    Scenario,
    read_folder,
    read_patience,
    read_photos,
    read_precisions,
    read_scenarios,
)
from m2fp_cli.commands.help import CONTENT, INPUT, MEASURE, MESSAGES, SPEED
from m2fp_cli.errors import ExitCode, UsageError
from m2fp_cli.terminal import say, warn

if TYPE_CHECKING:
    from m2fp_cli.bench.document import Document

EXAMPLES = """\
m2fp bench --quick --against reference
m2fp bench photos --model starter --scenario offline -o run.json"""

COMPARE = "compare"


def bench(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FOLDER | compare A.json B.json",
            help="Folder of the photos to measure with, or the word compare and two stored runs. "
            "[default: synthetic photos]",
            show_default=False,
        ),
    ] = None,
    scenario: Annotated[
        Scenario,
        typer.Option(
            help="What to do: single, one photo after another; offline, a folder through the pool, "
            "with decoding and writing; serve, clients that ask m2fp serve at once (extra: serve); "
            "paint, color maps and overlays, without encoding; all.",
            rich_help_panel=MEASURE,
        ),
    ] = Scenario.SINGLE,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="Model to measure, or random: the published size with random weights that find "
            "100 instances.",
            rich_help_panel=INPUT,
        ),
    ] = "random",
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Sizes of the synthetic photos, with commas between: 480p, 720p, 1080p, 4k or "
            "WxH. [default: 480p,720p,1080p]",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Most photos to take from a folder: the first that can be read.",
            rich_help_panel=INPUT,
        ),
    ] = 10,
    against: Annotated[
        Opponent,
        typer.Option(
            help="Measure another engine beside m2fp's, in turn: reference, ModelScope's code "
            "(extra: reference, CPython 3.10); onnxruntime or openvino, the same network in that "
            "runtime (extra of that name).",
            rich_help_panel=MEASURE,
        ),
    ] = Opponent.NONE,
    precision: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Number format of the network: fp32, bf16, int8 or auto. Several, with commas "
            "between, are measured side by side and their answers compared with the first's.",
            rich_help_panel=SPEED,
        ),
    ] = "fp32",
    threads: options.Threads = "auto",
    workers: options.Workers = "auto",
    min_time: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Measure each case for at least this long. [default: 60]",
            show_default=False,
            rich_help_panel=MEASURE,
        ),
    ] = None,
    min_count: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Take at least this many samples of each case. [default: 30]",
            show_default=False,
            rich_help_panel=MEASURE,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="End each case after this time, with at least one sample. [default: 240]",
            show_default=False,
            rich_help_panel=MEASURE,
        ),
    ] = None,
    roofline: Annotated[
        bool,
        typer.Option(
            "--roofline",
            help="Compare the network's speed with that of torch's matrix product.",
            rich_help_panel=MEASURE,
        ),
    ] = False,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Run the pool with several numbers of workers and threads.",
            rich_help_panel=MEASURE,
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the times of scenario single as a png, svg or pdf (extra: plot).",
            show_default=False,
            rich_help_panel=CONTENT,
            readable=False,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Take about a minute: sizes 480p and 1080p, fewer samples.",
            rich_help_panel=MEASURE,
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the results as JSON, with every sample.",
            show_default=False,
            rich_help_panel=CONTENT,
            readable=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the results as JSON on stdout, and the tables on stderr.",
            rich_help_panel=MESSAGES,
        ),
    ] = False,
) -> None:
    """Measure the speed of parsing on this machine.

    Prints seconds of each stage, photos per second and peak memory. Progress goes to stderr. With
    --against, both engines run in processes of their own and take turns, so that a busy machine
    slows both. Ratios are medians over pairs, with a 95 % interval, and the answers are compared.
    A photo that cannot be read costs a line, and exit code 3; another takes its place.

    m2fp bench compare A.json B.json prints what changed between two runs that --output stored.
    """
    if inputs and inputs[0] == COMPARE:
        _compare(inputs[1:], as_json=as_json)
        return
    from m2fp_cli.bench.document import RUN_MARK
    from m2fp_cli.bench.plot import check_plot, plot_document
    from m2fp_cli.bench.run import SCENARIOS, BenchPlan, run_bench
    from m2fp_cli.storage.beforehand import check_file
    from m2fp_cli.storage.writing import write_file

    scenarios = read_scenarios(scenario, SCENARIOS, sweep=sweep)
    precisions = read_precisions(precision)
    if "single" not in scenarios:
        _refuse_options(
            {
                "--precision with several formats": len(precisions) > 1,
                "--against": against is not Opponent.NONE,
                "--plot": plot is not None,
            }
        )
    if plot is not None:
        check_plot(plot)
    if output is not None:
        check_file(output, RUN_MARK)
    counts = {"--workers": workers, "--threads": threads}
    worker_count, thread_count = (option_groups.read_count(*item) for item in counts.items())
    folder = read_folder(inputs or [])
    failed: list[str] = []
    photos = read_photos(folder, sizes, limit, failed, quick=quick)
    plan = BenchPlan(
        photos=photos,
        photos_name="synthetic" if folder is None else folder.resolve().name,
        model=model,
        precisions=precisions,
        threads=thread_count,
        workers=worker_count,
        scenarios=scenarios,
        against=None if against is Opponent.NONE else against.value,
        roofline=roofline,
        sweep=sweep,
        single=read_patience(min_time, min_count, budget, quick=quick),
        pool=read_patience(min_time, min_count, budget, quick=quick),
        short_seconds=min(2.0 if quick else 5.0, budget or 5.0),
    )

    def store(document: Document) -> None:
        if output is not None:
            write_file(output, document.dump().encode(), mark=RUN_MARK)

    document = run_bench(plan, _TimedLines(), store)
    store(document)
    if plot is not None:
        plot_document(document, plot)
    _print(document, as_json=as_json)
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _refuse_options(asked: dict[str, bool]) -> None:
    """Refuse what only the scenario single does.

    Raises:
        UsageError: one of them is asked for.
    """
    for option, is_asked in asked.items():
        if is_asked:
            raise UsageError(f"{option} needs --scenario single or all")


class _TimedLines:
    """Shows lines on stderr, each with the time since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, line: str) -> None:
        spent = time.monotonic() - self._started
        warn(f"[{spent:6.1f} s] {line}")


def _print(document: Document, *, as_json: bool) -> None:
    from m2fp_cli.bench.tables import print_document

    if as_json:
        say(document.dump())
    print_document(document, sys.stderr if as_json else sys.stdout)


def _compare(words: list[str], *, as_json: bool) -> None:
    from m2fp_cli.bench.comparison import compare_runs, load_run
    from m2fp_cli.bench.tables import print_comparison

    if len(words) != 2:
        raise UsageError("m2fp bench compare takes two files that --output has written")
    comparison = compare_runs(*(load_run(Path(word)) for word in words))
    if as_json:
        say(json.dumps(comparison.as_json()))
    print_comparison(comparison, sys.stderr if as_json else sys.stdout)
