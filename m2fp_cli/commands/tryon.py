"""``m2fp tryon``: accessories, garments and fabrics on the people of parsed photos.

The options of what is worn come from ``tryon.kinds``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import CONTENT, WEAR
from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.kinds import KIND_NAMES, KINDS

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

    def items(self) -> tuple[tuple[str, str], ...]:
        """(kind, reference) of what was asked for, in the order of the kinds.

        Raises:
            UsageError: nothing was asked for.
        """
        asked = ((one.name, getattr(self, one.name)) for one in fields(self))
        worn = tuple((kind, _absolute(text)) for kind, text in asked if text is not None)
        if not worn:
            *most, last = (f"--{kind}" for kind in KIND_NAMES)
            raise UsageError(f"nothing to wear: give {', '.join(most)} or {last}")
        return worn


def _absolute(text: str) -> str:
    """A file by its absolute path, since workers may run elsewhere; a name or colour as it is."""
    path = Path(text)
    return str(path.absolute()) if path.is_file() else text


def _worn_type(help_text: str) -> Any:
    option = typer.Option(
        metavar="FILE|NAME", help=help_text, show_default=False, rich_help_panel=WEAR
    )
    return Annotated[str | None, option]


Worn = make_dataclass(
    "Worn",
    [(line.name, _worn_type(line.help), field(default=None)) for line in KINDS],
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
            help="What the picture of a top shows; auto tells it by its outline.",
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
    page: options.Page = False,
    cluster: options.Cluster = None,
) -> None:
    """Put hats, glasses, jewelry, garments and fabrics on people.

    Writes to tryon/ a picture of each photo, and a JSON record that says where everything was put,
    which checks it passed, and why somebody was left out. Without an input it takes what an earlier
    parse left in ./m2fp-out.
    """
    items = worn.items()  # type: ignore[attr-defined]

    from m2fp_cli.commands.running import find_source, run_and_exit
    from m2fp_cli.jobs.inputs import PhotoInputs
    from m2fp_cli.jobs.tryon import FittingJob, FittingSettings, parse_people

    settings = FittingSettings(
        items,
        parse_people(people),
        match_light,
        shadow,
        layer.value,
        shows.value,
        picture_format.value,
    )
    settings.load_outfit()  # a wrong file is said before anything is parsed
    run_options = batch.run_options(cluster=cluster)
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
    job = FittingJob(source.output, results, settings)
    run_and_exit(
        source.scan,
        job,
        run_options,
        batch,
        where=f"pictures in {source.shown_output}/tryon",
        parsing=source.parsing,
        page_of=((source.place and Path(source.place)) or results) if page else None,
        photos=photos,
    )
