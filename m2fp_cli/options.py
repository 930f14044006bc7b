"""Options that several commands share, said once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.errors import UsageError

if TYPE_CHECKING:
    from m2fp_cli.batch.run import RunOptions

DEFAULT_OUTPUT = Path("m2fp-out")


class EngineName(str, Enum):
    """Engines by the names users give them."""

    FAST = "fast"
    REFERENCE = "reference"


class PrecisionName(str, Enum):
    """Number formats by the names users give them."""

    FP32 = "fp32"
    BF16 = "bf16"
    AUTO = "auto"


class PictureFormat(str, Enum):
    """File formats of pictures."""

    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"


Inputs = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT", help="Photos and folders of photos.", show_default=False),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder the results go to.")
]
PicturesOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder the pictures go to. [default: the parse's, else ./m2fp-out]",
        show_default=False,
    ),
]
MovedPhotos = Annotated[
    Path | None,
    typer.Option(
        "--photos",
        metavar="DIR",
        help="Where the photos are, if they were moved.",
        show_default=False,
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look into sub-folders as well.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="M2FP_MODEL",
        help="m2fp, m2fp-single, starter, a ModelScope id, or a folder. [default: m2fp]",
        show_default=False,
        show_envvar=True,
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine", help="fast, or ModelScope's own code (extra: reference, CPython 3.10)."
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        "--precision",
        help="Number format: fp32, bf16 (faster on AMX and AVX512-BF16), or auto.",
    ),
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip", help="Parse the mirrored photo too and average: better, twice the time."
    ),
]
MinScore = Annotated[
    float,
    typer.Option(
        "--min-score", min=0.0, max=1.0, help="Lowest score of a person or part instance."
    ),
]
Workers = Annotated[
    str,
    typer.Option(
        "--workers", "-w", metavar="N", help="Photos worked on at once: auto or a number."
    ),
]
Threads = Annotated[
    str, typer.Option("--threads", metavar="N", help="Cores for one photo: auto or a number.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.1,
        metavar="SECONDS",
        help="Give a photo up after this time. [default: 20 times the median, at least 60]",
        show_default=False,
    ),
]
RerunWhat = Annotated[
    Rerun,
    typer.Option(
        "--rerun",
        help="Do again: changed photos and settings; missing results only; failed ones as well.",
    ),
]
Checksum = Annotated[
    bool,
    typer.Option("--checksum", help="A photo whose time changed but not its bytes is unchanged."),
]
ShardText = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Do part K of N only; auto asks Slurm, Kubernetes or AWS Batch.",
        show_default=False,
    ),
]
MaxFailures = Annotated[
    str | None,
    typer.Option(
        "--max-failures",
        metavar="N|P%",
        help="Stop early when more photos than this failed.",
        show_default=False,
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Append JSON lines to it.", show_default=False),
]
Page = Annotated[bool, typer.Option("--report", help="Make report.html in the output afterwards.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print failures only, nothing on success.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print one line per photo, and tracebacks.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print a summary of the run as JSON on stdout.")
]


def make_run_options(
    *,
    workers: str = "auto",
    threads: str = "auto",
    timeout: float | None = None,
    rerun: Rerun = Rerun.CHANGED,
    checksum: bool = False,
    shard: str | None = None,
    max_failures: str | None = None,
    log_file: Path | None = None,
) -> RunOptions:
    """The shared options of a batch command, read and checked.

    Raises:
        UsageError: one of them makes no sense.
    """
    from m2fp_cli.batch.run import RunOptions, parse_failure_cap
    from m2fp_cli.batch.shard import parse_shard

    return RunOptions(
        workers=_count("--workers", workers),
        threads=_count("--threads", threads),
        photo_seconds=timeout,
        rerun=rerun,
        checksum=checksum,
        shard=None if shard is None else parse_shard(shard),
        max_failures=None if max_failures is None else parse_failure_cap(max_failures),
        log_file=log_file,
    )


def _count(option: str, text: str) -> int | None:
    """A positive number; None for ``auto``."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"{option} takes auto or a number from 1, got {text!r}")
    return int(text)
