"""``m2fp tryon``: hats, glasses, earrings, necklaces and tops on the people of parsed photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli import options
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.errors import UsageError

Inputs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[INPUT]",
        help="Output of an earlier parse, or photos (parsed first). [default: ./m2fp-out]",
        show_default=False,
    ),
]


def _worn(kind: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{kind}", metavar="X", help="PNG file or name, see m2fp accessories.", show_default=False
    )
    return option


def tryon(
    inputs: Inputs = None,
    hat: Annotated[str | None, _worn("hat")] = None,
    glasses: Annotated[str | None, _worn("glasses")] = None,
    earrings: Annotated[str | None, _worn("earrings")] = None,
    necklace: Annotated[str | None, _worn("necklace")] = None,
    top: Annotated[
        str | None,
        typer.Option(
            metavar="X", help="Fabric: file, name or colour (#7a1f3d).", show_default=False
        ),
    ] = None,
    people: Annotated[str, typer.Option(metavar="WHO", help="all, largest or ids: 1,3.")] = "all",
    match_light: Annotated[
        bool, typer.Option("--match-light/--no-match-light", help="Light it like the photo.")
    ] = True,
    shadow: Annotated[bool, typer.Option("--shadow/--no-shadow", help="Throw shadows.")] = True,
    picture_format: Annotated[
        options.PictureFormat, typer.Option("--format", help="PNG keeps every untouched pixel.")
    ] = options.PictureFormat.PNG,
    output: options.PicturesOutput = None,
    photos: options.MovedPhotos = None,
    recursive: options.Recursive = False,
    model: options.Model = None,
    workers: options.Workers = "auto",
    timeout: options.Timeout = None,
    rerun: options.RerunWhat = Rerun.CHANGED,
    checksum: options.Checksum = False,
    shard: options.ShardText = None,
    max_failures: options.MaxFailures = None,
    log_file: options.LogFile = None,
    page: options.Page = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    as_json: options.AsJson = False,
) -> None:
    """Put accessories on people: composites and a record per person go into tryon/.

    Without an input it takes what an earlier parse left in ./m2fp-out.
    """
    asked = (("hat", hat), ("glasses", glasses), ("earrings", earrings), ("necklace", necklace),
             ("top", top))  # fmt: skip
    worn = tuple((kind, _reference(text)) for kind, text in asked if text is not None)
    if not worn:
        raise UsageError("nothing to wear: give --hat, --glasses, --earrings, --necklace or --top")

    from m2fp_cli.commands.batch_run import say_how_it_went
    from m2fp_cli.commands.fitting_job import FittingJob, FittingSettings, load_outfit, parse_people
    from m2fp_cli.commands.painting import PaintInputs, find_work
    from m2fp_cli.imaging.names import displayable

    settings = FittingSettings(
        worn, parse_people(people), match_light, shadow, picture_format.value
    )
    load_outfit(settings)  # a wrong file is said before anything is parsed
    run_options = options.make_run_options(
        workers=workers,
        timeout=timeout,
        rerun=rerun,
        checksum=checksum,
        shard=shard,
        max_failures=max_failures,
        log_file=log_file,
    )
    request = PaintInputs(
        tuple(inputs or ()), output, None, photos, recursive, model, run_options, quiet, verbose
    )
    work = find_work(request)
    from m2fp_cli.batch.run import run_batch

    results = work.results or work.output
    if page and results != work.output:
        raise UsageError("--report shows pictures beside their results; leave out --output")
    progress = request.new_progress()
    for note in work.scan.notes:
        progress.say(note)
    report = run_batch(work.scan, FittingJob(work.output, results, settings), run_options, progress)
    if work.parsing is not None:
        for failure in work.parsing.failures:
            report.add(failure)
        report.total += len(work.parsing.failures)
    say_how_it_went(report, progress, f"pictures in {displayable(work.output / 'tryon')}")
    if as_json:
        print(json.dumps(report.as_json()))
    if page and not report.ended_by:
        from m2fp_cli.commands.report import make_report

        page_options = options.make_run_options(workers=workers)
        make_report(results, page_options, photos=photos, quiet=quiet, verbose=verbose)
    raise typer.Exit(report.exit_code)


def _reference(text: str) -> str:
    """A file by its absolute path, since workers may run elsewhere; a name or colour as it is."""
    path = Path(text)
    return str(path.absolute()) if path.is_file() else text
