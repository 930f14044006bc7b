"""``m2fp status``: what an output holds, what failed and why, and what is left."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.help import CONTENT
from m2fp_cli.errors import NoImagesError, UsageError
from m2fp_cli.layout import DEFAULT_OUTPUT, JOBS
from m2fp_cli.terminal import displayable, say, say_lines, say_pieces

if TYPE_CHECKING:
    from m2fp_cli.batch.report import ImageReport
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
        left: photos that the latest run (of each shard) has not come to; shards of an older cut do
            not count.
        reasons: number of failed and quarantined photos by reason.
        failures: source, status, reason and message of each of them, by source; a ``Spool``.
        slices: how far the slices of lists have come.
    """

    job: str
    done: int
    failed: int
    quarantined: int
    left: int
    reasons: dict[str, int]
    failures: Sequence[dict[str, str]]
    slices: list[SliceStatus]

    def json_text(self) -> Iterator[str]:
        """The record as ``--json`` prints it, in pieces that need no memory for all failures."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del document["failures"]
        document["slices"] = [one.as_json() for one in self.slices]
        yield json.dumps(document)[:-1] + ', "failures": ['
        for number, failure in enumerate(self.failures):
            yield (", " if number else "") + json.dumps(failure)
        yield "]}"

    def lines(self) -> Iterator[str]:
        """The record for a person."""
        counts = [f"{self.done} done"]
        for name in ("failed", "quarantined", "left"):
            if count := getattr(self, name):
                counts.append(f"{count} {name}")  # noqa: PERF401 - clearer than two loops
        yield f"{self.job}: {', '.join(counts)}"
        yield from (f"  {one.line()}" for one in self.slices)
        yield from (f"  {count} {reason}" for reason, count in sorted(self.reasons.items()))
        for one in self.failures:
            yield f"  {one['status']} {displayable(one['source'])}: {one['message']}"


def status(
    output: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Output of a run: a folder, or s3://, gs:// or az://. [default: "
            f"./{DEFAULT_OUTPUT}]",
            show_default=False,
            readable=False,
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
    from m2fp_cli.storage.inputs import advise_output
    from m2fp_cli.storage.remote.address import shown_place

    if remove and not prune:
        raise UsageError("--remove goes with --prune; give both, or none")

    with _open_state(output, prune=prune) as (tree, holder):
        pruned = prune_output(tree, remove=remove) if prune else Pruned()
        found = [one for job in JOBS if (one := read_status(tree, job)) is not None]
    if not found and not pruned.photos:
        raise NoImagesError(
            f"{displayable(shown_place(output))} was not written by a run; give the output folder "
            f"of one{advise_output(output)}"
        )
    if as_json:
        document: dict[str, Any] = {"output": shown_place(output), "running": holder}
        if prune:
            document["pruned"] = asdict(pruned)
        say_pieces(_json_text(document, found))
        return
    say_lines(pruned.lines() if prune else ())
    say_lines(line for one in found for line in one.lines())
    if holder:
        say(f"a run is going on: {holder}")


def _json_text(document: dict[str, Any], found: list[JobStatus]) -> Iterator[str]:
    """A document with the jobs added to it."""
    yield json.dumps(document)[:-1] + ', "jobs": {'
    for number, one in enumerate(found):
        yield f"{', ' if number else ''}{json.dumps(one.job)}: "
        yield from one.json_text()
    yield "}}"


@contextlib.contextmanager
def _open_state(output: Path, *, prune: bool) -> Iterator[tuple[OutputTree, str]]:
    """The manifests of an output, and who works on it now.

    Raises:
        NoInputError: it is not there.
        UsageError: something in a store is to be pruned.
        StoreError: the store cannot be asked.
    """
    from m2fp_cli.batch.lock import who_holds
    from m2fp_cli.storage.inputs import open_earlier
    from m2fp_cli.storage.remote.address import names_store

    if not names_store(output):
        with open_earlier(output) as tree:
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
    from m2fp_cli.batch.history import find_manifests, read_history
    from m2fp_cli.batch.report import Status
    from m2fp_cli.batch.slices import latest_cuts, read_slices
    from m2fp_cli.storage.spool import Spool, sorted_on_disk

    history = read_history(tree, job)
    if history.is_empty:
        return None
    current = latest_cuts(find_manifests(tree, job), history)
    bad = (entry.report for entry in history.entries.each(failed_only=True))
    failures = Spool(sorted_on_disk(map(_failure, bad), key=lambda failure: failure["source"]))
    quarantined = sum(failure["status"] == Status.QUARANTINED.value for failure in failures)
    return JobStatus(
        job=job,
        done=len(history.entries) - len(failures),
        failed=len(failures) - quarantined,
        quarantined=quarantined,
        left=history.left(current),
        reasons=dict(sorted(Counter(failure["reason"] for failure in failures).items())),
        failures=failures,
        slices=read_slices(current, history),
    )


def _failure(report: ImageReport) -> dict[str, str]:
    return {
        "source": report.source,
        "status": report.status.value,
        "reason": report.reason,
        "message": report.message,
    }
