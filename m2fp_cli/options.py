"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_OUTPUT = Path("m2fp-out")

Inputs = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT", help="Photos and folders of photos.", show_default=False),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder the results go to.")
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
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Cores for one photo. [default: all this process may use]",
        show_default=False,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print failures only, nothing on success.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print one line per photo, and tracebacks.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print a summary of the run as JSON on stdout.")
]
