"""``parse_folder``: what ``m2fp parse`` does, for a Python program."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path

from m2fp_cli.batch.report import ImageReport
from m2fp_cli.batch.run import iterate_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import UsageError
from m2fp_cli.jobs.model_files import find_model
from m2fp_cli.jobs.parse import ParseJob, ParseSettings
from m2fp_cli.layout import DEFAULT_OUTPUT
from m2fp_cli.storage.remote.address import names_store, only_here

PathLike = str | os.PathLike[str]


_DEEPER = "give rules=ScanRules(recursive=True) to parse those too"


def parse_folder(
    inputs: PathLike | Iterable[PathLike],
    output: PathLike = DEFAULT_OUTPUT,
    *,
    model: PathLike | None = None,
    rules: ScanRules | None = None,
    settings: ParseSettings | None = None,
    options: RunOptions | None = None,
) -> Generator[ImageReport, None, None]:
    """Parse photos in worker processes and write their results, as ``m2fp parse`` does.

    >>> for report in parse_folder("photos", "m2fp-out", model="starter"):   # doctest: +SKIP
    ...     print(report.source, report.status.value, report.people)

    Photos are read as soon as the first report is asked for. What an earlier run has done is
    reported as up to date and not done again. A broken photo is a failed report, not an exception.
    The caller's module needs no ``if __name__ == "__main__"``.

    Args:
        inputs: photos and folders of photos.
        output: root of the output.
        model: a short name, a ModelScope id or a folder; None for ``M2FP_MODEL`` or ``m2fp``.
        rules: what is taken from folders, and how it is named; None for the defaults.
        settings: how to parse and what to write; None for the defaults.
        options: workers, threads, what to do again, and so on; None for the defaults.

    Yields:
        a report for each photo: those that are up to date first, then the others in the order in
        which they end. ``load_result(output / "results" / (report.key + ".json"))`` reads one back.

    Raises:
        TypeError: an input is no path; or ``rules``, ``settings`` or ``options`` are something
            else.
        UsageError: an input or the output is an address in an object store, an input holds results
            of the output, no model is called so, or there is no room for so many workers or
            threads.
        NoImagesError: there is no photo.
        ModelError: the model is missing, damaged or does not fit.
        OutputLockedError: another run holds the output.
        OutputError: the output cannot be written.
        M2fpError: the worker processes cannot start.
    """
    if names_store(Path(output)):
        raise UsageError(only_here(Path(output), "parse_folder"))
    _require_kind(rules, ScanRules, "rules")
    _require_kind(settings, ParseSettings, "settings")
    _require_kind(options, RunOptions, "options")
    root = Path(output).absolute()
    scan = find_images(_paths_of(inputs), output=root, rules=rules, deeper=_DEEPER)
    found = find_model(None if model is None else os.fspath(model))
    job = ParseJob(root, found, settings or ParseSettings())
    return iterate_batch(scan, job, options or RunOptions())


def _require_kind(value: object, kind: type, name: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, got {type(value).__name__}")


def _paths_of(inputs: PathLike | Iterable[PathLike]) -> list[Path]:
    """The inputs as paths.

    Raises:
        TypeError: one of them is none.
    """
    named = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
    try:
        return [Path(path) for path in named]
    except TypeError as error:
        raise TypeError(
            f"inputs must be a path or several (str or os.PathLike), got {inputs!r:.60}"
        ) from error
