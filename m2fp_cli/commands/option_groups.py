"""Options that come together: what is taken from folders, how a batch runs.

A group is a frozen dataclass whose fields are options. A command that takes one is registered
through ``with_groups``, which gives it the group's options and hands it the filled-in dataclass.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.commands.help import FAILURES, INPUT, MESSAGES, SPEED
from m2fp_cli.commands.options import AsJson, Quiet, Verbose, Workers
from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_whole

if TYPE_CHECKING:
    from m2fp_cli.batch.executor import Executor
    from m2fp_cli.batch.run_options import RunOptions
    from m2fp_cli.batch.walk import ScanRules

_MOST_COUNT = 9999  # workers or threads


@dataclass(frozen=True)
class ScanOptions:
    """What is taken from folders, and how results are named; see ``batch.scan.ScanRules``."""

    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive",
            "-r",
            help="Also take photos from sub-folders; the output mirrors them.",
            rich_help_panel=INPUT,
        ),
    ] = False
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="GLOB",
            help="Leave out files and folders whose name or path below the input matches, such as "
            "'*_thumb.jpg'. May be given several times.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            metavar="NAME",
            help="Put the results into a folder of this name in every folder of the output, to "
            "keep photos of equal names apart.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = ""
    safe_names: Annotated[
        bool,
        typer.Option(
            "--safe-names",
            help="Percent-encode characters in result names that exFAT, NTFS or SMB refuse, "
            "such as the colon.",
            rich_help_panel=INPUT,
        ),
    ] = False

    def rules(self) -> ScanRules:
        """The options as a scan takes them.

        Raises:
            UsageError: the prefix is not a relative path.
        """
        from m2fp_cli.batch.walk import ScanRules

        prefix = self.prefix.strip("/")
        if self.prefix.startswith("/") or ".." in prefix.split("/"):
            raise UsageError(f"--prefix takes a relative folder, got {self.prefix!r}")
        return ScanRules(self.recursive, tuple(self.exclude or ()), prefix, self.safe_names)


@dataclass(frozen=True)
class BatchOptions:
    """What every command that works on many photos takes; see ``batch.run.RunOptions``."""

    workers: Workers = "auto"
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0.1,
            metavar="SECONDS",
            help="Give up on a photo when reading, working or writing takes longer than this. "
            "[default: 20 times the median, at least 60]",
            show_default=False,
            rich_help_panel=FAILURES,
        ),
    ] = None
    rerun: Annotated[
        Rerun,
        typer.Option(
            "--rerun",
            help="Which photos of an earlier run to do again. changed: photo, settings or model "
            "changed, or a result is missing; missing: a result is missing; failed: as changed, "
            "and those that failed; all: every photo; never: none.",
            rich_help_panel=FAILURES,
        ),
    ] = Rerun.CHANGED
    checksum: Annotated[
        bool,
        typer.Option(
            "--checksum",
            help="Compare photos by their bytes instead of by size and time.",
            rich_help_panel=FAILURES,
        ),
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace files in the output that m2fp did not write for a photo. Without it such "
            "a photo fails and nothing is touched.",
            rich_help_panel=FAILURES,
        ),
    ] = False
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Do part K of N only, so that N machines share the work; auto takes both from "
            "Slurm, or K from Kubernetes or AWS Batch and N from M2FP_SHARDS.",
            show_default=False,
            rich_help_panel=SPEED,
        ),
    ] = None
    max_failures: Annotated[
        str | None,
        typer.Option(
            "--max-failures",
            metavar="N|P%",
            help="Stop early when more photos than this have failed: a number, or a share such as "
            "5%.",
            show_default=False,
            rich_help_panel=FAILURES,
        ),
    ] = None
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file",
            metavar="FILE",
            help="Append a JSON line for each event of the run to this file.",
            show_default=False,
            rich_help_panel=MESSAGES,
            readable=False,
        ),
    ] = None
    quiet: Quiet = False
    verbose: Verbose = False
    as_json: AsJson = False

    def run_options(self, threads: str = "auto", cluster: str | None = None) -> RunOptions:
        """The options as the batch engine takes them.

        Args:
            threads: the option of that name, where the command has it.
            cluster: the option of that name, where the command has it.

        Raises:
            UsageError: one of them makes no sense.
            EngineError: a cluster is asked for and the extra is not installed.
        """
        from m2fp_cli.batch.remote.remote import Remote
        from m2fp_cli.batch.run_options import RunOptions, parse_failure_cap
        from m2fp_cli.batch.shard import parse_shard

        cap = None if self.max_failures is None else parse_failure_cap(self.max_failures)
        return RunOptions(
            workers=read_count("--workers", self.workers),
            threads=read_count("--threads", threads),
            photo_seconds=self.timeout,
            rerun=self.rerun,
            checksum=self.checksum,
            overwrite=self.overwrite,
            shard=None if self.shard is None else parse_shard(self.shard),
            max_failures=cap,
            log_file=self.log_file,
            remote=Remote(),
            executor=_executor_of(cluster),
        )


def _executor_of(cluster: str | None) -> Executor:
    from m2fp_cli.batch.executor import LocalExecutor

    if cluster is None:
        return LocalExecutor()
    from m2fp_cli.cluster.executor import RayExecutor

    return RayExecutor(cluster)


def read_count(option: str, text: str) -> int | None:
    """A positive number; None for ``auto``.

    Args:
        option: name of the option, for the message.
        text: what the user gave.

    Raises:
        UsageError: the text is neither.
    """
    if text == "auto":
        return None
    count = read_whole(text, _MOST_COUNT)
    if not count:
        raise UsageError(
            f"{option} takes auto or a number from 1 to {_MOST_COUNT}, got {text[:40]!r}"
        )
    return count


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameters that are groups by the groups' options.

    Args:
        command: a function for Typer; a parameter whose type is a dataclass is a group.

    Returns:
        the same with one parameter for each option; it builds the groups and calls the command.
    """
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            groups[parameter.name] = kind
            parameters += _parameters_of(kind)
        else:
            parameters.append(parameter)

    @functools.wraps(command)
    def expanded(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        command(**values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    named = [parameter.replace(kind=keyword) for parameter in parameters]
    expanded.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    expanded.__annotations__ = {one.name: one.annotation for one in named}
    return expanded


def _parameters_of(group: type[Any]) -> list[inspect.Parameter]:
    """A parameter for each option of a group."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(group)
    ]
