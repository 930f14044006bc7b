"""Which photos a command means, and where their results are; parses those that are not parsed yet.

``colorize`` and ``tryon`` take the output of an earlier parse, photos, or (``colorize``) the label
maps of another tool.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.history import read_history
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.keys import has_image_suffix
from m2fp_cli.batch.listing import open_list
from m2fp_cli.batch.opening import open_output
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import GONE, FileStamp, Stamp, is_same_stamp, stamp_files
from m2fp_cli.batch.tasks import ImageTask, Scan
from m2fp_cli.batch.walk import ScanRules, real_path
from m2fp_cli.batch.written import written_files
from m2fp_cli.errors import NoImagesError, UsageError
from m2fp_cli.jobs.earlier import find_parsed, require_photos
from m2fp_cli.layout import DEFAULT_OUTPUT, OUTPUT_FOLDERS, is_output, result_name
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.remote.address import names_store, parse_address, shown_place
from m2fp_cli.storage.spool import Spool
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable

MakeParseJob = Callable[[Path], Job]
RunJob = Callable[[Scan, Job], RunReport]
_FIRST_RESULTS = 10
_MAPS = frozenset(one.name for one in OUTPUT_FOLDERS if one.job == "parse" and not one.shows_photo)


@dataclass(frozen=True)
class PhotoInputs:
    """What the user named.

    Attributes:
        inputs: files and folders; none means ``m2fp-out`` where no list is named.
        output: where the pictures go; None where the user left it open.
        photos: folder of the photos, if they are not where they were, or of label maps.
        rules: what is taken from folders, and how it is named.
        label_set: the inputs are label maps with these ids; None for photos or results.
        files_from: a list of photos; None where there is none.
        shard: the part of the photos that is worked on; None for all.
        remote: opens object stores; None where only this machine is meant.
    """

    inputs: tuple[Path, ...]
    output: Path | None
    photos: Path | None
    rules: ScanRules
    label_set: str | None = None
    files_from: Path | None = None
    shard: Shard | None = None
    remote: Remote | None = None

    def scan(self, output: Path) -> Scan:
        """Find the photos.

        Args:
            output: the run's output folder.

        Raises:
            UsageError: nothing is named, or both a list and inputs, or the list is wrong; or what
                is named are maps of an earlier parse, not photos.
            NoImagesError: there is no photo.
            NoInputError: the list is not there.
        """
        if self.files_from is None:
            if not self.inputs:
                raise UsageError("name photos or folders of photos, or a list with --files-from")
            if self.label_set is None:
                _refuse_maps(self.inputs, recursive=self.rules.recursive)
            if self.remote is not None:
                found = self.remote.find_photos(self.inputs, output=output, rules=self.rules)
                if found is not None:
                    return found
            return find_images(self.inputs, output=output, rules=self.rules)
        if self.inputs:
            raise UsageError("--files-from names the photos; leave out the other inputs")
        opened = self.remote.open_list if self.remote is not None else open_list
        with opened(self.files_from) as photos:
            return photos.scan(self.shard, output=output, rules=self.rules)


@dataclass(frozen=True)
class PhotoSource:
    """The photos that are worked on, and where the pictures go.

    Attributes:
        scan: the photos, or the label maps.
        output: root of the output, absolute.
        results: root of the results, absolute; None for label maps.
        label_set: name of the label set of label maps.
        photos: folder of the photos of label maps.
        parsing: report of the parse that came first; None where none was needed.
        place: address of an output in a store; empty where it is on this machine.
    """

    scan: Scan
    output: Path
    results: Path | None = None
    label_set: str = ""
    photos: Path | None = None
    parsing: RunReport | None = None
    place: str = ""

    @property
    def shown_output(self) -> str:
        """Where the pictures go, for people."""
        return displayable(self.place or self.output)

    @property
    def results_or_output(self) -> Path:
        """Root of the results, where there are any."""
        return self.results or self.output


def find_photos(asked: PhotoInputs, make_parse_job: MakeParseJob, run: RunJob) -> PhotoSource:
    """Find out what the inputs are, and parse photos that are not parsed yet.

    Args:
        asked: what the user named.
        make_parse_job: the parse of photos into an output; called only if some are not parsed.
        run: runs it; may end the command where the parse ended early.

    Raises:
        UsageError: the inputs are of different kinds.
        NoImagesError: there is nothing to work on.
        NoInputError: the folder of the photos, or the list of them, is not there.
        OutputError: nothing can be written.
        ModelError: photos must be parsed and the model is not there.
    """
    stored = None if asked.files_from else _find_stored(asked)
    if stored is not None:
        return stored
    output = asked.output or DEFAULT_OUTPUT
    if asked.remote is not None:
        output = asked.remote.output_folder(output)
    if asked.photos is not None:
        require_photos(asked.photos)
    if asked.label_set is not None:
        scan = asked.scan(output)
        photos = asked.photos.absolute() if asked.photos else None
        return PhotoSource(scan, output.absolute(), None, asked.label_set, photos)
    results = None if asked.files_from else _named_output(asked.inputs)
    if results is None and asked.remote is not None and asked.remote.output is not None:
        raise UsageError(
            f"parse into a store first: m2fp parse ... -o {asked.remote.output.address}; then name "
            "that output here"
        )
    if results is None:
        return _parse_photos(asked, output.absolute(), make_parse_job, run)
    scan = find_parsed(results, photos=asked.photos)
    if asked.output is None:
        output = results
    place = ""
    if asked.output is not None and names_store(asked.output):
        place = shown_place(asked.output)
    return PhotoSource(scan, output.absolute(), results.absolute(), place=place)


def _find_stored(asked: PhotoInputs) -> PhotoSource | None:
    """The output of an earlier parse in a store that the inputs name; None if they name none."""
    addresses = [one for one in map(parse_address, asked.inputs) if one is not None]
    if asked.remote is None or not addresses or asked.label_set is not None:
        return None
    if not asked.remote.is_output(addresses[0]):
        return None
    if len(asked.inputs) > 1:
        raise UsageError(
            f"{displayable(str(addresses[0]))} is the output of a parse; take one such place at a "
            "time, without other inputs"
        )
    mirror = asked.remote.open_results(asked.inputs[0])
    mirror.look_up("results")
    scan = find_parsed(
        mirror.folder, photos=asked.photos, look=mirror.listing, shown=str(mirror.address)
    )
    for task in scan.tasks[:_FIRST_RESULTS]:  # to know their labels before the run
        mirror.fetch(result_name(task.key))
    named = asked.output or asked.inputs[0]
    output = asked.remote.output_folder(named).absolute()
    return PhotoSource(scan, output, mirror.folder, place=shown_place(named))


def _named_output(inputs: tuple[Path, ...]) -> Path | None:
    """The output of an earlier parse that the inputs name; None if they are photos."""
    if not inputs:
        if not is_output(DEFAULT_OUTPUT):
            raise NoImagesError(
                f"there is no {DEFAULT_OUTPUT} here; name photos, or the output of an earlier parse"
            )
        return DEFAULT_OUTPUT
    outputs = [path for path in inputs if is_output(path) and not _is_of_photos(path)]
    if outputs and len(inputs) > 1:
        raise UsageError(
            f"{displayable(outputs[0])} is the output of a parse; take one such folder at a time, "
            "without other inputs"
        )
    return outputs[0] if outputs else None


def _refuse_maps(inputs: tuple[Path, ...], *, recursive: bool) -> None:
    """Refuse what a parse has written beside photos: parsed as photos, maps of ids show nobody."""
    written_in = functools.cache(written_files)  # of a long manifest it takes seconds
    for path in inputs:
        if names_store(path) or _MAPS.isdisjoint((real := real_path(path)).parts):
            continue
        for output in real.parents:
            if real.relative_to(output).parts[0] not in _MAPS or not is_output(output):
                continue
            if _is_written(real, output, written_in(output), recursive=recursive):
                raise UsageError(
                    f"{displayable(path)} holds what m2fp parse found, no photos; name the photos, "
                    f"or {displayable(output)} to go on from what was parsed"
                )


def _is_written(path: Path, output: Path, written: NameSet, *, recursive: bool) -> bool:
    """Whether a run wrote a file, or all that a folder holds that could be photos.

    Somebody's folder of photos may be called ``people``: then both are in it.
    """
    place = path.relative_to(output)
    if not written.has_any_in(place.as_posix()):
        return place.as_posix() in written
    for folder, folders, files in os.walk(path):
        inside = Path(folder).relative_to(output).as_posix()
        photos = (one for one in files if has_image_suffix(one) and not one.startswith("."))
        if any(f"{inside}/{one}" not in written for one in photos):
            return False
        if not recursive:
            folders.clear()
    return True


def _is_of_photos(folder: Path) -> bool:
    """Whether it is a folder of photos, beside which something but results was written."""
    try:
        if os.path.lexists(folder / "results"):
            return False
        with os.scandir(folder) as entries:
            return any(has_image_suffix(one.name) and one.is_file() for one in entries)
    except OSError:  # it may not be looked into
        return False


def _parse_photos(
    asked: PhotoInputs, output: Path, make_parse_job: MakeParseJob, run: RunJob
) -> PhotoSource:
    """Parse the photos among the inputs that are not parsed yet."""
    scan = asked.scan(output)
    parsing = None
    own = RunOptions(shard=asked.shard).for_scan(scan).shard
    with open_output(output) as tree:
        entries = read_history(tree, own=own).entries
        left = Spool(t for t in scan.tasks if not _is_parsed(t, entries.get(t.key), tree))
        if left or scan.failures:
            parsing = run(replace(scan, tasks=left), make_parse_job(output))
        failed = {photo.key for photo in parsing.failures} if parsing else set()
        done = Spool(
            task
            for task in scan.tasks
            if task.key not in failed and tree.has_file(result_name(task.key))
        )
    found = Scan(done, notes=scan.notes, listing=scan.listing)
    return PhotoSource(found, output, output, parsing=parsing)


def _is_parsed(task: ImageTask, entry: Entry | None, tree: OutputTree) -> bool:
    """Whether the result of a photo is there and is that of the photo as it is now."""
    return (
        entry is not None
        and entry.report.status.is_good
        and entry.report.source == task.where
        and tree.has_file(result_name(task.key))
        and is_same_stamp(entry.stamp, _stamp_of(task))
    )


def _stamp_of(task: ImageTask) -> Stamp:
    """A photo as it is now, or as its store listed it."""
    if task.origin:
        return (task.listed or FileStamp(GONE, 0),)
    return stamp_files((task.path,), checksum=False)
