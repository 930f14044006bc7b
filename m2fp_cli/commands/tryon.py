"""``m2fp tryon``: accessories, garments and fabrics on the people of parsed photos.

The options of what is worn come from ``tryon.kinds``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, make_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.completion import complete_worn
from m2fp_cli.commands.help import CONTENT, WEAR
from m2fp_cli.errors import UsageError
from m2fp_cli.terminal import counted, displayable, warn
from m2fp_cli.tryon.kinds import KIND_NAMES, KINDS

if TYPE_CHECKING:
    from m2fp_cli.tryon.look import Look, Variant

EXAMPLES = """\
m2fp tryon --hat fedora --glasses round
m2fp tryon photos --model starter --top denim --people largest -o dressed"""


class Layer(str, Enum):
    """Which of two tops over each other."""

    OUTER = "outer"
    INNER = "inner"


class Shows(str, Enum):
    """What the picture of a top shows."""

    AUTO = "auto"
    GARMENT = "garment"
    FABRIC = "fabric"


@dataclass(frozen=True)
class WornOptions:
    """An option for each kind; the fields are made from ``tryon.kinds.KINDS``."""

    def items(self) -> dict[str, str]:
        """What was asked for, by kind, in the order of the kinds."""
        asked = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {kind: text for kind, text in asked if text is not None}


def _find_look(file: Path | None, worn: dict[str, str]) -> Look:
    """Who wears what.

    Raises:
        UsageError: nothing is asked for, or both a look and options, or the look is wrong.
    """
    from m2fp_cli.tryon.look_file import look_of_options, read_look

    if file is None and not worn:
        *most, last = (f"--{kind}" for kind in KIND_NAMES)
        raise UsageError(f"nothing to wear: give {', '.join(most)}, {last} or --look")
    if file is None:
        return look_of_options(worn)
    if worn:
        kind = next(iter(worn))
        raise UsageError(f"--look and --{kind} exclude each other; write the {kind} into the look")
    return read_look(file)


def _refuse_useless(look: Look, layer: Layer, shows: Shows) -> None:
    """Refuse options about tops where nobody gets one; a fabric may be for a bottom, too.

    Raises:
        UsageError: one of them is given.
    """
    kinds = {kind for kind, _ in look.items()}
    of_fabric = {"top", "bottom"} if shows is Shows.FABRIC else {"top"}
    for option, value, default, meant in (
        ("--layer", layer, Layer.OUTER, {"top"}),
        ("--as", shows, Shows.AUTO, of_fabric),
    ):
        if value is not default and not kinds & meant:
            raise UsageError(
                f"{option} {value.value} is about tops, and nobody gets one; give --top, or leave "
                "it out"
            )


def _refuse_single(variants: Sequence[Variant], *, page: bool) -> None:
    """Refuse to show each of several items where there is one, or room for one.

    Raises:
        UsageError: it is so.
    """
    if not variants:
        raise UsageError(
            "--each has nothing to choose from; give an option a folder, as --hat hats/,"
            ' or a look a list, as hat = ["cap", "fedora"]'
        )
    if page:
        raise UsageError("--report shows one picture of each photo; give --sheet with --each")


def _worn_type(kind_name: str, help_text: str) -> Any:
    option = typer.Option(
        metavar="FILE|NAME",
        help=help_text,
        show_default=False,
        rich_help_panel=WEAR,
        autocompletion=complete_worn(kind_name),
    )
    return Annotated[str | None, option]


Worn = make_dataclass(
    "Worn",
    [(line.name, _worn_type(line.name, line.help), field(default=None)) for line in KINDS],
    bases=(WornOptions,),
    frozen=True,
)


def tryon(
    worn: Worn,  # type: ignore[valid-type]
    batch: option_groups.BatchOptions,
    found: option_groups.ScanOptions,
    inputs: options.ParsedOrPhotos = None,
    files_from: options.FilesFrom = None,
    output: options.PicturesOutput = None,
    photos: options.MovedPhotos = None,
    model: options.Model = None,
    look_file: Annotated[
        Path | None,
        typer.Option(
            "--look",
            metavar="FILE",
            help="TOML file that says what everyone, the largest person or a person of an id "
            "wears; of a list, each person wears one by chance.",
            show_default=False,
            rich_help_panel=WEAR,
            readable=False,
        ),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Show every item of a look's lists, or of a folder that an option names, in a "
            "picture of its own.",
            rich_help_panel=WEAR,
        ),
    ] = False,
    people: Annotated[
        str,
        typer.Option(
            metavar="WHO",
            help="Who wears it: all, largest, or ids such as 1,3 from the results.",
            rich_help_panel=WEAR,
        ),
    ] = "all",
    match_light: Annotated[
        bool,
        typer.Option(
            "--match-light/--no-match-light",
            help="Give accessories the light, blur and grain of the photo.",
            rich_help_panel=CONTENT,
        ),
    ] = True,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow/--no-shadow",
            help="Let accessories cast shadows on people.",
            rich_help_panel=CONTENT,
        ),
    ] = True,
    layer: Annotated[
        Layer,
        typer.Option(
            help="Which top is dressed where a coat is worn over another one.",
            rich_help_panel=WEAR,
        ),
    ] = Layer.OUTER,
    shows: Annotated[
        Shows,
        typer.Option(
            "--as",
            help="What the picture of a top or bottom shows; auto tells it by its outline.",
            rich_help_panel=WEAR,
        ),
    ] = Shows.AUTO,
    picture_format: Annotated[
        options.PictureFormat,
        typer.Option(
            "--format",
            help="File format of the pictures; only png keeps the photo's other pixels exactly.",
            rich_help_panel=CONTENT,
        ),
    ] = options.PictureFormat.PNG,
    sheet: Annotated[
        bool,
        typer.Option(
            "--sheet",
            help="Make sheet.jpg in the output folder at the end: small pictures of all photos "
            "and of what they show.",
            rich_help_panel=CONTENT,
        ),
    ] = False,
    page: options.Page = False,
    cluster: options.Cluster = None,
) -> None:
    """Put hats, glasses, jewelry, garments and fabrics on people.

    Writes to tryon/ a picture of each photo, and a JSON record that says where everything was put,
    which checks it passed, and why somebody was left out. Without an input it takes what an earlier
    parse left in ./m2fp-out.
    """
    from m2fp_cli.commands.running import find_source, run_and_exit
    from m2fp_cli.jobs.fitting import FittingSettings, parse_people
    from m2fp_cli.jobs.inputs import PhotoInputs
    from m2fp_cli.jobs.sheet import refuse_foreign_sheet
    from m2fp_cli.jobs.tryon import FittingJob
    from m2fp_cli.jobs.variants import VariantsJob, time_limit
    from m2fp_cli.storage.remote.address import names_store

    look = _find_look(look_file, worn.items())  # type: ignore[attr-defined]
    settings = FittingSettings(
        look,
        parse_people(people),
        match_light,
        shadow,
        layer.value,
        shows.value,
        picture_format.value,
    )
    _refuse_useless(look, layer, shows)
    variants = look.variants() if each else ()
    if each:
        _refuse_single(variants, page=page)
    settings.wardrobe().check(look)  # a wrong file is said before anything is parsed
    run_options = batch.run_options(cluster=cluster)
    if sheet and run_options.shard is not None:
        raise UsageError("--sheet needs all photos; run again without --shard when all is done")
    asked = PhotoInputs(
        tuple(inputs or ()),
        output,
        photos,
        found.rules(),
        None,
        files_from,
        run_options.shard,
    )
    source = find_source(asked, model, run_options, batch)
    results = source.results_or_output
    if page and results != source.output:
        raise UsageError("--report needs the pictures beside their results; leave out --output")
    if sheet and names_store(Path(source.place)):
        raise UsageError("--sheet is made on this machine only; give -o a folder of it")
    if sheet:
        refuse_foreign_sheet(source.output)
    if run_options.photo_seconds is None:
        run_options = replace(run_options, photo_seconds=time_limit(len(variants)))
    make = VariantsJob if each else FittingJob
    job = make(source.output, results, settings)

    def draw() -> None:
        from m2fp_cli.jobs.sheet import make_sheet

        shown = variants if each else None
        path, pages = make_sheet(source.output, results, source.scan.tasks, shown)
        if pages and not batch.quiet:
            more = f" and {counted(pages - 1, 'more page')}" if pages > 1 else ""
            warn(f"contact sheet in {displayable(path)}{more}")

    run_and_exit(
        source.scan,
        job,
        run_options,
        batch,
        where=f"pictures in {source.shown_output}/{job.name}",
        parsing=source.parsing,
        page_of=((source.place and Path(source.place)) or results) if page else None,
        photos=photos,
        finish=draw if sheet else None,
    )
