"""Options that several commands share; ``option_groups`` has those that come together."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands.completion import complete_model
from m2fp_cli.commands.help import CONTENT, INPUT, MESSAGES, SPEED
from m2fp_cli.kernels import cpu
from m2fp_cli.layout import DEFAULT_OUTPUT

if TYPE_CHECKING:
    pass

MOST_MEGAPIXELS = 1_000_000  # that may be allowed; no format has more, and it is no infinity


class EngineName(str, Enum):
    """Engines by the names users give them."""

    FAST = "fast"
    REFERENCE = "reference"


class PrecisionName(str, Enum):
    """Number formats by the names users give them."""

    FP32 = cpu.FP32
    BF16 = cpu.BF16
    INT8 = cpu.INT8
    AUTO = cpu.AUTO


class PictureFormat(str, Enum):
    """File formats of pictures."""

    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"


Photos = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT",
        help="Photos and folders of photos, also s3://, gs:// and az://.",
        show_default=False,
        readable=False,
    ),
]
PhotosUnlessListed = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="INPUT",
        help="Photos and folders of photos, also s3://, gs://, az://; none with --files-from.",
        show_default=False,
        readable=False,
    ),
]
FilesFrom = Annotated[
    Path | None,
    typer.Option(
        "--files-from",
        metavar="FILE",
        help="Take the photos of a list, also s3://, gs:// and az://: one made by m2fp scan, or a "
        "path a line; - is standard input. With --shard, parse, colorize and tryon cut a list of "
        "m2fp scan into slices.",
        show_default=False,
        rich_help_panel=INPUT,
        readable=False,
    ),
]
ParsedOrPhotos = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="INPUT",
        help="Output of an earlier parse, or photos, also s3://, gs:// and az://; photos that are "
        f"not parsed yet are parsed first. [default: ./{DEFAULT_OUTPUT}]",
        show_default=False,
        readable=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder for the results, made if it is missing; or s3://, gs://, az://.",
        rich_help_panel=INPUT,
        readable=False,
    ),
]
PicturesOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder for what is made, or s3://, gs://, az://. [default: the results' folder]",
        show_default=False,
        rich_help_panel=INPUT,
        readable=False,
    ),
]
MovedPhotos = Annotated[
    Path | None,
    typer.Option(
        "--photos",
        metavar="DIR",
        help="Where the photos are now, if they were moved after parsing.",
        show_default=False,
        rich_help_panel=INPUT,
        readable=False,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="M2FP_MODEL",
        autocompletion=complete_model,
        help="Model that finds the parts: m2fp, m2fp-single, starter (bundled), a ModelScope id or "
        "a folder. [default: m2fp]",
        show_default=False,
        show_envvar=True,
        rich_help_panel=INPUT,
    ),
]

PaletteName = Annotated[
    str,
    typer.Option(
        "--palette",
        metavar="FILE|NAME",
        help="Colors of the labels: m2fp, voc, cihp, or a JSON file that gives labels RGB values.",
        rich_help_panel=CONTENT,
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="Code that runs the network: fast is m2fp's own; reference is ModelScope's, slow, for "
        "comparing (extra: reference, CPython 3.10).",
        rich_help_panel=SPEED,
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        "--precision",
        help="Number format of the network: fp32; bf16, faster on CPUs with AMX or AVX512-BF16; "
        "int8, for CPUs with VNNI, after m2fp models calibrate; auto, bf16 on CPUs with units for "
        "it and fp32 on others.",
        rich_help_panel=SPEED,
    ),
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip",
        help="Parse the mirrored photo too and average both: better masks, twice the time.",
        rich_help_panel=SPEED,
    ),
]
Tiles = Annotated[
    str,
    typer.Option(
        "--tiles",
        metavar="auto|off|N",
        help="Parse parts of the photo again, enlarged: auto, where people are small; N, in N "
        "overlapping tiles along the shorter side; off, nowhere. Finds more small people, one pass "
        "of the network for each tile.",
        rich_help_panel=CONTENT,
    ),
]
MinScore = Annotated[
    float,
    typer.Option(
        "--min-score",
        metavar="SCORE",
        min=0.0,
        max=1.0,
        help="Lowest score of a person or part that is reported.",
        rich_help_panel=CONTENT,
    ),
]

Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        "-w",
        metavar="N",
        help="Worker processes, one photo each: auto or a number.",
        rich_help_panel=SPEED,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Work on the machines of a Ray cluster: ray://HOST:PORT; auto, the one that this "
        "machine belongs to; local, one of this machine alone. Photos and output are in object "
        "stores, or under the same paths everywhere, as the model is (extra: ray).",
        show_default=False,
        rich_help_panel=SPEED,
    ),
]
Threads = Annotated[
    str,
    typer.Option(
        "--threads",
        metavar="N",
        help="Cores that each worker uses: auto or a number.",
        rich_help_panel=SPEED,
    ),
]

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print failures only, nothing on success.", rich_help_panel=MESSAGES
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print a line for each photo, and tracebacks of errors.",
        rich_help_panel=MESSAGES,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print a summary of the run as JSON on stdout.", rich_help_panel=MESSAGES
    ),
]
JsonAnswer = Annotated[
    bool, typer.Option("--json", help="Print the answer as JSON.", rich_help_panel=MESSAGES)
]
Page = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Make report.html in the output folder at the end, to look through the results.",
        rich_help_panel=CONTENT,
    ),
]
