"""What ``export``, ``masks`` and ``describe`` share: the run of one format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from m2fp_cli.commands.option_groups import BatchOptions
from m2fp_cli.commands.running import find_source, run_and_exit
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import ExportSettings, Format
from m2fp_cli.jobs.export import ExportJob
from m2fp_cli.jobs.export_files import check_common_files, finish_export
from m2fp_cli.jobs.export_names import read_names, settle_names
from m2fp_cli.jobs.inputs import PhotoInputs
from m2fp_cli.jobs.stored_export import check_stored, finish_stored, read_stored_names
from m2fp_cli.terminal import warn


def run_export(
    name: str,
    asked: PhotoInputs,
    settings: ExportSettings,
    model: str | None,
    batch: BatchOptions,
) -> NoReturn:
    """Export, and end the command.

    Args:
        name: of the format.
        asked: what the user named.
        settings: how.
        model: what parses photos that are not parsed yet.
        batch: how the run goes.

    Raises:
        typer.Exit: always, but for errors that end a run.
    """
    run_options = batch.run_options()
    remote = run_options.remote

    def check(output: Path) -> None:
        wanted = ExportJob(output, output, name, settings)
        stored = None if remote is None else remote.output
        if stored is None:
            check_common_files(wanted, overwrite=batch.overwrite)
        else:
            check_stored(wanted, stored, overwrite=batch.overwrite)

    source = find_source(asked, model, run_options, batch, before_parse=check)
    check(source.output)
    tasks, stored = source.scan.tasks, None if remote is None else remote.output

    def earlier(keys: Sequence[str]) -> Mapping[str, str]:
        if stored is None:
            return read_names(source.output, name, keys)
        return read_stored_names(stored, name, keys)

    def finish() -> None:
        tell = None if batch.quiet else warn
        if stored is None:
            finish_export(job, tasks, overwrite=batch.overwrite, tell=tell)
        else:
            finish_stored(job, tasks, stored, overwrite=batch.overwrite, tell=tell)

    names = settle_names((task.key for task in tasks), find_format(name), earlier)
    job = ExportJob(source.output, source.results_or_output, name, settings, names)
    run_and_exit(
        source.scan,
        job,
        run_options,
        batch,
        where=f"{name} in {source.shown_output}/{name}{_without(job.format)}",
        parsing=source.parsing,
        finish=finish,
    )


def _without(wanted: Format) -> str:
    """What a data set lacks, for the summary."""
    missing = ", ".join(wanted.not_made)
    return f" (without {missing}: see its manifest.json)" if missing else ""
