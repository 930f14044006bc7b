"""``m2fp status``: what an output holds, what failed and why, and what is left."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.help import CONTENT
from m2fp_cli.errors import NoImagesError, UsageError
from m2fp_cli.layout import DEFAULT_OUTPUT, JOBS
from m2fp_cli.terminal import displayable, say

if TYPE_CHECKING:
    from m2fp_cli.batch.slices import SliceStatus
    from m2fp_cli.storage.tree import OutputTree

EXAMPLES = """\
m2fp status results --json
m2fp status results --prune --remove"""


@dataclass(frozen=True)
class JobStatus:
    """How far one kind of job has come in an output; the fields are those of ``--json``.

    Attributes:
        job: member of ``JOBS``; ``report`` counts the photos made ready for the page.
        done: photos with results.
        failed: photos that failed.
        quarantined: photos over which a process died or hung twice.
        left: photos that the latest run (of each shard) has not come to.
        reasons: number of failed and quarantined photos by reason.
        failures: source, status, reason and message of each of them, by source.
        slices: how far the slices of lists have come.
    """

    job: str
    done: int
    failed: int
    quarantined: int
    left: int
    reasons: dict[str, int]
    failures: list[dict[str, str]]
    slices: list[SliceStatus]

    def as_json(self) -> dict[str, Any]:
        """The record as ``--json`` prints it."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return document | {"slices": [one.as_json() for one in self.slices]}

    def lines(self) -> list[str]:
        """The record for a person."""
        counts = [f"{self.done} done"]
        for name in ("failed", "quarantined", "left"):
            if count := getattr(self, name):
                counts.append(f"{count} {name}")  # noqa: PERF401 - clearer than two loops
        lines = [f"{self.job}: {', '.join(counts)}"]
        lines += [f"  {one.line()}" for one in self.slices]
        lines += [f"  {count} {reason}" for reason, count in sorted(self.reasons.items())]
        lines += [
            f"  {one['status']} {displayable(one['source'])}: {one['message']}"
            for one in self.failures
        ]
        return lines


def status(
    output: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Output of a run: a folder, or s3://, gs:// or az://. [default: "
            f"./{DEFAULT_OUTPUT}]",
            show_default=False,
        ),
    ] = DEFAULT_OUTPUT,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Forget photos that were deleted; their results stay.",
            rich_help_panel=CONTENT,
        ),
    ] = False,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="With --prune: also remove their results, and nothing that m2fp did not write.",
            rich_help_panel=CONTENT,
        ),
    ] = False,
    as_json: options.JsonAnswer = False,
) -> None:
    """Say what is done, what failed and why, and what is left.

    Reads the manifests of an output folder, those of all shards together. Without --prune it
    changes nothing and may be called during a run.
    """
    from m2fp_cli.batch.prune import Pruned, prune_output
    from m2fp_cli.storage.remote.address import shown_place

    if remove and not prune:
        raise UsageError("--remove goes with --prune; give both, or none")

    with _open_state(output, prune=prune) as (tree, holder):
        pruned = prune_output(tree, remove=remove) if prune else Pruned()
        found = [one for job in JOBS if (one := read_status(tree, job)) is not None]
    if not found and not pruned.photos:
        raise NoImagesError(
            f"{displayable(shown_place(output))} was not written by a run; give the output folder "
            "of one"
        )
    if as_json:
        jobs = {one.job: one.as_json() for one in found}
        document = {"output": shown_place(output), "running": holder, "jobs": jobs}
        say(json.dumps({**document, **({"pruned": asdict(pruned)} if prune else {})}))
        return
    lines = pruned.lines() if prune else []
    lines += [line for one in found for line in one.lines()]
    if holder:
        lines.append(f"a run is going on: {holder}")
    say("\n".join(lines))


@contextlib.contextmanager
def _open_state(output: Path, *, prune: bool) -> Iterator[tuple[OutputTree, str]]:
    """The manifests of an output, and who works on it now.

    Raises:
        NoImagesError: it is not there.
        UsageError: something in a store is to be pruned.
        StoreError: the store cannot be asked.
    """
    from m2fp_cli.batch.lock import who_holds
    from m2fp_cli.storage.remote.address import names_store
    from m2fp_cli.storage.tree import OutputTree

    if not names_store(output):
        if not output.is_dir():
            raise NoImagesError(f"{displayable(output.absolute())} is not a folder")
        with OutputTree(output) as tree:
            yield tree, who_holds(tree)
        return
    from m2fp_cli.batch.remote.lease import who_holds_stored
    from m2fp_cli.batch.remote.remote import Remote

    if prune:
        raise UsageError("--prune is for folders of this machine; it does not change stores")
    remote = Remote()
    mirror = remote.open_results(output, JOBS)
    yield mirror.tree, who_holds_stored(mirror)


def read_status(tree: OutputTree, job: str) -> JobStatus | None:
    """What the manifests of one kind of job say; None where there are none.

    Raises:
        OutputError: a manifest cannot be read.
    """
    from m2fp_cli.batch.history import read_history
    from m2fp_cli.batch.report import Status
    from m2fp_cli.batch.slices import read_slices

    history = read_history(tree, job)
    if history.is_empty:
        return None
    failed = (entry.report for entry in history.entries.each(failed_only=True))
    bad = sorted(failed, key=lambda report: report.source)
    quarantined = sum(report.status is Status.QUARANTINED for report in bad)
    return JobStatus(
        job=job,
        done=len(history.entries) - len(bad),
        failed=len(bad) - quarantined,
        quarantined=quarantined,
        left=history.left(),
        reasons=dict(sorted(Counter(report.reason for report in bad).items())),
        failures=[
            {
                "source": report.source,
                "status": report.status.value,
                "reason": report.reason,
                "message": report.message,
            }
            for report in bad
        ],
        slices=read_slices(tree, job, history),
    )
