"""What ``m2fp colorize`` does between its options and the batch engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import typer

from m2fp_cli.batch.manifest import Entry, read_history
from m2fp_cli.batch.parsed import find_parsed, is_parsed_folder
from m2fp_cli.batch.progress import Progress, choose_progress
from m2fp_cli.batch.report import RunReport
from m2fp_cli.batch.run import RunOptions, run_batch
from m2fp_cli.batch.scan import ImageTask, Scan, find_images
from m2fp_cli.batch.stamps import is_same_stamp, stamp_files
from m2fp_cli.commands.batch_run import say_how_it_went
from m2fp_cli.commands.painting_job import ColorizeJob
from m2fp_cli.errors import ImageError, NoImagesError, UsageError
from m2fp_cli.imaging.atomic import check_writable
from m2fp_cli.imaging.names import displayable
from m2fp_cli.labels import LABEL_SETS, LabelSet
from m2fp_cli.options import DEFAULT_OUTPUT
from m2fp_cli.palette import ColorScheme, load_scheme
from m2fp_cli.render.maps import read_labels
from m2fp_cli.render.pictures import PaintSettings
from m2fp_cli.store import result_path


@dataclass(frozen=True)
class PaintInputs:
    """What the user named.

    Attributes:
        inputs: files and folders; none means ``m2fp-out``.
        output: where the pictures go; None where the user left it open.
        label_set: the inputs are label maps with these ids.
        photos: folder of the photos.
        recursive: descend into sub-folders of inputs.
        model: parses photos that are not parsed yet.
        options: how the runs go about their work.
        quiet: show failures only.
        verbose: show every photo.
    """

    inputs: tuple[Path, ...]
    output: Path | None
    label_set: str | None
    photos: Path | None
    recursive: bool
    model: str | None
    options: RunOptions
    quiet: bool
    verbose: bool

    def new_progress(self) -> Progress:
        """A display for one run; it ends with the run."""
        return choose_progress(quiet=self.quiet, verbose=self.verbose)


@dataclass(frozen=True)
class PaintWork:
    """What is painted, and where the pictures go.

    Attributes:
        scan: the photos, or the label maps.
        output: root of the output.
        results: root of the results; None for label maps.
        label_set: name of the label set of label maps.
        photos: folder of the photos of label maps.
        parsing: report of the parse that came first; None where none was needed.
    """

    scan: Scan
    output: Path
    results: Path | None = None
    label_set: str = ""
    photos: Path | None = None
    parsing: RunReport | None = None


def find_work(asked: PaintInputs) -> PaintWork:
    """Find out what the inputs are, and parse photos that are not parsed yet.

    Raises:
        UsageError: the inputs are of different kinds.
        NoImagesError: there is nothing to paint.
        OutputError: nothing can be written.
        ModelError: photos must be parsed and the model is not there.
        typer.Exit: the parse ended early; painting what is there would pass for the whole.
    """
    output = asked.output or DEFAULT_OUTPUT
    if asked.label_set is not None:
        check_writable(output)
        scan = find_images(asked.inputs, recursive=asked.recursive, output=output)
        photos = asked.photos.absolute() if asked.photos else None
        return PaintWork(scan, output.absolute(), None, asked.label_set, photos)
    results = _parsed_folder(asked.inputs)
    if results is None:
        check_writable(output)
        return _parse_photos(asked, output)
    scan = find_parsed(results, photos=asked.photos)
    output = asked.output or results
    check_writable(output)
    return PaintWork(scan, output.absolute(), results.absolute())


def load_colors(
    work: PaintWork, palette: str, names: str
) -> tuple[ColorScheme, tuple[str, ...] | None]:
    """Read the palette and the names of ``--labels``, checked with the labels of the first result.

    Returns:
        the scheme, and the names as given; None for all labels.

    Raises:
        UsageError: no such palette, or no such label.
    """
    labels = _labels_of(work)
    asked = tuple(name.strip() for name in names.split(",") if name.strip())
    if labels is not None:
        try:
            labels.all_ids_of(asked)
        except KeyError as error:
            raise UsageError(f"--labels: {error.args[0]}") from error
    return load_scheme(palette, labels), asked or None


def run_painting(work: PaintWork, settings: PaintSettings, asked: PaintInputs) -> RunReport:
    """Paint everything; photos that could not be parsed count as failed.

    Raises:
        OutputError: nothing can be written.
        OutputLockedError: another run holds the output.
    """
    job = ColorizeJob(work.output, settings, work.results, work.label_set, work.photos)
    progress = asked.new_progress()
    for note in work.scan.notes:
        progress.say(note)
    report = run_batch(work.scan, job, asked.options, progress)
    if work.parsing is not None:
        for failure in work.parsing.failures:
            report.add(failure)
        report.total += len(work.parsing.failures)
    say_how_it_went(report, progress, f"pictures in {displayable(work.output)}")
    return report


def _parsed_folder(inputs: tuple[Path, ...]) -> Path | None:
    """The output of an earlier parse that the inputs name; None if they are photos."""
    if not inputs:
        if not is_parsed_folder(DEFAULT_OUTPUT):
            raise NoImagesError(
                f"there is no {DEFAULT_OUTPUT} here; name photos, or the output of an earlier parse"
            )
        return DEFAULT_OUTPUT
    parsed = [path for path in inputs if is_parsed_folder(path)]
    if not parsed:
        return None
    if len(inputs) > 1:
        raise UsageError(
            f"{displayable(parsed[0])} is the output of a parse; take one such folder at a time, "
            "without other inputs"
        )
    return parsed[0]


def _labels_of(work: PaintWork) -> LabelSet | None:
    """Label set of the label maps, or of the first result that can be read."""
    if work.results is None:
        return LABEL_SETS[work.label_set]
    readable = (_labels_or_none(work.results, task.key) for task in work.scan.tasks[:10])
    return next((labels for labels in readable if labels is not None), None)


def _labels_or_none(results: Path, key: str) -> LabelSet | None:
    """Label set of a result; a damaged one is reported when its turn comes."""
    try:
        return read_labels(results, key)
    except ImageError:
        return None


def _parse_photos(asked: PaintInputs, output: Path) -> PaintWork:
    """Parse the photos among the inputs that are not parsed yet."""
    from m2fp_cli.commands.parsing import ParseSettings, find_parse_job

    scan = find_images(asked.inputs, recursive=asked.recursive, output=output)
    entries = read_history(output).entries
    left = tuple(t for t in scan.tasks if not _is_parsed(t, entries.get(t.key), output))
    parsing = None
    if left or scan.failures:
        job = find_parse_job(output, asked.model, ParseSettings(), quiet=asked.quiet)
        progress = asked.new_progress()
        parsing = run_batch(replace(scan, tasks=left), job, asked.options, progress)
        if parsing.ended_by or parsing.stopped:
            say_how_it_went(parsing, progress, f"results in {displayable(output)}")
            raise typer.Exit(parsing.exit_code)
    failed = {photo.key for photo in parsing.failures} if parsing else set()
    done = (t for t in scan.tasks if t.key not in failed and result_path(output, t.key).exists())
    found = Scan(tuple(done), notes=scan.notes)
    return PaintWork(found, output.absolute(), output.absolute(), parsing=parsing)


def _is_parsed(task: ImageTask, entry: Entry | None, output: Path) -> bool:
    """Whether the result of a photo is there and is that of the photo as it is now."""
    return (
        entry is not None
        and entry.report.status.is_good
        and entry.report.source == str(task.source)
        and result_path(output, task.key).exists()
        and is_same_stamp(entry.stamp, stamp_files((task.source,), checksum=False))
    )
