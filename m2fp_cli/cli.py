"""The face of the tool: commands, and what an error looks like.

Commands are imported with it, but none imports torch, OpenCV or ModelScope before it runs, so
``--help`` and ``--version`` stay fast.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli.commands import (
    accessories,
    bench,
    colorize,
    describe,
    evaluate,
    export,
    finetune,
    labels,
    looks,
    masks,
    models,
    parse,
    report,
    scan,
    serve,
    status,
    tryon,
)
from m2fp_cli.commands.help import HelpCommand, HelpGroup
from m2fp_cli.commands.option_groups import with_groups
from m2fp_cli.delays import DelaySums, tell_delays_to
from m2fp_cli.errors import ExitCode, M2fpError, OutputError, lacks_memory
from m2fp_cli.streams import StreamError, drop_output, guard_streams
from m2fp_cli.terminal import displayable, say, warn
from m2fp_cli.version import __version__

_AT_START = (signal.default_int_handler, signal.SIG_DFL)  # Python's own, and what __main__ sets
_NO_TEMPORARY = "No usable temporary directory"  # says Python's tempfile, without a file's name

EXAMPLES = """\
m2fp parse photos -r
m2fp tryon --hat fedora"""

app = typer.Typer(
    name="m2fp",
    cls=HelpGroup,
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # typer's rich help takes 0.4 s to import and draw, plain help 0.02 s
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _module, _function in (
    ("scan", scan, scan.scan),
    ("parse", parse, parse.parse),
    ("colorize", colorize, colorize.colorize),
    ("tryon", tryon, tryon.tryon),
    ("masks", masks, masks.masks),
    ("export", export, export.export),
    ("describe", describe, describe.describe),
    ("report", report, report.report),
    ("serve", serve, serve.serve),
    ("status", status, status.status),
    ("labels", labels, labels.labels),
    ("eval", evaluate, evaluate.evaluate),
    ("finetune", finetune, finetune.finetune),
    ("bench", bench, bench.bench),
):
    app.command(_name, cls=HelpCommand, epilog=_module.EXAMPLES)(with_groups(_function))
app.add_typer(accessories.app, name="accessories")
app.add_typer(looks.app, name="looks")
app.add_typer(models.app, name="models")

_PER_PHOTO = frozenset(("parse", "colorize", "tryon", "masks", "export", "describe"))


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"m2fp {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Find people, their body parts and garments in photos, and use them.

    Works on whole folders, on ordinary CPUs, with M2FP. Parse photos first; the other commands work
    on what was parsed. `m2fp COMMAND --help` explains a command.
    """


def main() -> None:
    """Run the command line and leave the process with an honest exit code."""
    guard_streams()
    if not {"-q", "--quiet"} & set(sys.argv):
        tell_delays_to(DelaySums(warn).add)  # of this process; workers have others
    _take_signals()
    try:
        with _default_signals_afterwards(), _told_of_completion():
            app(standalone_mode=True)
    except (M2fpError, FileNotFoundError) as error:
        sys.exit(_tell(error))
    except StreamError as error:
        drop_output()
        if str(error):
            warn(f"m2fp: {error}")
        sys.exit(ExitCode.CANNOT_WRITE)
    except Exception as error:
        if not lacks_memory(error):
            raise
        warn("m2fp: the memory was used up; free some, or use a machine with more, and run again")
        sys.exit(ExitCode.INTERNAL)
    except _Terminated:
        warn(f"m2fp: terminated{_what_is_kept()}")
        sys.exit(ExitCode.TERMINATED)
    except _Interrupted:
        warn(f"m2fp: interrupted{_what_is_kept()}")
        sys.exit(ExitCode.INTERRUPTED)


def _take_signals() -> None:
    """Let signals end the process by way of an exception, which closes and removes files."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup has it ignored
        signal.signal(signal.SIGHUP, _hang_up)
    if signal.getsignal(signal.SIGINT) in _AT_START:  # cron may have it ignored
        signal.signal(signal.SIGINT, _interrupt)


@contextlib.contextmanager
def _default_signals_afterwards() -> Iterator[None]:
    """Let a second signal end the process as it is: as an exception it would show a traceback."""
    try:
        yield
    finally:
        for number, handler in ((signal.SIGINT, _interrupt), (signal.SIGTERM, _terminate)):
            if signal.getsignal(number) is handler:
                signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _told_of_completion() -> Iterator[None]:
    """Say in a line that a shell's start file cannot be changed, where Typer shows a traceback."""
    try:
        yield
    except OSError as error:
        if not any(word.partition("=")[0] == "--install-completion" for word in sys.argv):
            raise
        file = displayable(str(error.filename or "the file of your shell"))
        raise OutputError(
            f"{file} cannot be written ({error.strerror}); put what m2fp --show-completion prints "
            "where your shell reads it"
        ) from error


def _tell(error: M2fpError | FileNotFoundError) -> ExitCode:
    """Say what ended a command, in a line.

    Raises:
        FileNotFoundError: the error, where it is a mistake of ours.
    """
    cause = error.__cause__ or error
    if isinstance(cause, FileNotFoundError) and not _is_somewhere():
        warn("m2fp: the folder that you are in was removed; go to another one and run again")
        return ExitCode.NO_INPUT
    if isinstance(cause, FileNotFoundError) and _NO_TEMPORARY in str(cause):
        warn(
            "m2fp: no folder for temporary files can be written: /tmp is read-only or full; set "
            "TMPDIR to another one, or start a container with --tmpfs /tmp"
        )
        return ExitCode.CANNOT_WRITE
    if isinstance(error, FileNotFoundError):
        raise error
    is_verbose = "--verbose" in sys.argv or "-v" in sys.argv
    warn(traceback.format_exc().rstrip("\n") if is_verbose else f"m2fp: {error}")
    return error.exit_code


def _what_is_kept() -> str:
    """What somebody has of a command that was ended, where that are photos."""
    return "; finished photos are complete" if sys.argv[1:2] and sys.argv[1] in _PER_PHOTO else ""


def _is_somewhere() -> bool:
    """Whether relative paths mean anything."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


class _Terminated(BaseException):
    """SIGTERM or SIGHUP, as an exception so that files are cleaned up on the way out."""


class _Interrupted(BaseException):
    """SIGINT, which as a KeyboardInterrupt the command line's library would end with 1."""


def _interrupt(_number: int, _frame: object) -> None:
    raise _Interrupted


def _terminate(_number: int, _frame: object) -> None:
    raise _Terminated


def _hang_up(_number: int, _frame: object) -> None:
    """The terminal was closed, of which both the shell and the kernel tell: once is enough."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise _Terminated
