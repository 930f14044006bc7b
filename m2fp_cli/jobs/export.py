"""``m2fp export`` as a job of the batch engine: from a photo and its result to a data set."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from m2fp_cli.batch.history import read_history
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format, Item, to_json
from m2fp_cli.imaging.unchanged import read_unchanged
from m2fp_cli.jobs.earlier import digest_of_parsed
from m2fp_cli.jobs.memory import EXPORT_BYTES
from m2fp_cli.jobs.photos import read_parsed_photo
from m2fp_cli.jsonio import list_of, object_of, parse_object, text_of
from m2fp_cli.layout import export_record_name, result_name, result_path, state_name
from m2fp_cli.records.document import read_document
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.short_names import shorten_name
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import refuse_foreign, write_group
from m2fp_cli.terminal import displayable
from m2fp_cli.version import __version__

MANIFEST = "manifest.json"
_EXPORT_VERSION = "1"  # part of the signature: raise it when the same settings give other files
_MOST_FILES = 100_000  # of one photo
_MOST_BYTES = 255 - 40  # of a name; ids of people, numbers and endings follow
_PLAIN = "-_.~"  # beside letters and digits, what names in a data set may hold


@dataclass(frozen=True)
class ExportJob:
    """A data set of everything in a scan; see ``batch.job.Job``.

    Attributes:
        output: root of the output, absolute; the data set is a folder in it.
        results: root of the results, absolute.
        format_name: one of ``layout.EXPORTS``.
        settings: how.
        names: of photos whose name in the data set does not follow from their key alone.
    """

    output: Path
    results: Path
    format_name: str
    settings: ExportSettings
    names: tuple[tuple[str, str], ...] = ()
    preload: tuple[str, ...] = ("cv2",)

    @property
    def name(self) -> str:
        """Of the job; each format has manifests of its own."""
        return f"export-{self.format_name}"

    @property
    def format(self) -> Format:
        """The format itself."""
        return find_format(self.format_name)

    @property
    def folder(self) -> Path:
        """Root of the data set."""
        return self.output / self.format_name

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs."""
        settings, shown = self.settings, self.format
        people = settings.people
        said = {
            "export": _EXPORT_VERSION,
            "people": people if isinstance(people, str) else ",".join(map(str, people)),
            "split": settings.split,
        }
        if shown.masks:
            mask = settings.mask
            said |= {
                "category": mask.category,
                "rule": mask.rule,
                "grow": str(mask.grow),
                "feather": f"{mask.feather:g}",
                "fill": str(settings.fill_rgb or shown.fill),
            }
        if shown.scales:
            said |= {"size": "x".join(map(str, settings.size_wh)), "fit": settings.fit}
        if settings.mapping is not None:
            said["label set"] = f"{settings.mapping.name} {settings.mapping.fingerprint()}"
        return said

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo and its result."""
        return task.path, result_path(self.results, task.key)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """The record, and what it says was written: how many people there are is not known yet."""
        record = export_record_name(self.format_name, task.key)
        try:
            with OutputTree(self.output) as tree:
                files = list_of(parse_object(tree.read(record)), "files", most=_MOST_FILES)
        except (ImageError, OutputError, ValueError):
            return (record,)
        return (record, *(f"{self.format_name}/{name}" for name in files))

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed."""
        return digest_of_parsed(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return EXPORT_BYTES

    def build_worker(self, threads: int) -> ExportWorker:
        """A worker; OpenCV keeps to this process' cores."""
        import cv2

        cv2.setNumThreads(threads)
        return ExportWorker(self)

    def name_of(self, key: str) -> str:
        """Name of a photo in the data set."""
        return dict(self.names).get(key) or plain_name(key, self.format)


@dataclass(frozen=True, eq=False)
class _Loaded:
    photo: ExportedPhoto
    sha256: str
    seconds: float


@dataclass(frozen=True, eq=False)
class _Exported:
    encoded: Encoded
    loaded: _Loaded
    seconds: float


class ExportWorker:
    """Exports photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: ExportJob) -> None:
        """Export as the job says."""
        self._job, self._format, self._names = job, job.format, dict(job.names)
        self._tree, self._results = OutputTree(job.output), OutputTree(job.results)

    def load(self, task: ImageTask) -> _Loaded:
        """Read the photo and its result."""
        started = time.perf_counter()
        job, name = self._job, result_name(task.key)
        try:
            stored = read_document(self._results.read(name), instances=self._format.masks)
        except ValueError as error:
            raise ImageError("corrupt", f"{name} {error}") from error
        is_known = task.source != result_path(job.results, task.key)
        path, sha256 = task.source if is_known else None, stored.provenance.sha256
        decoded = read_parsed_photo(path, stored.result.image_hw, sha256)
        photo = ExportedPhoto(
            name=self._names.get(task.key) or plain_name(task.key, self._format),
            image_bgr=decoded.image_bgr,
            result=stored.result,
            file=read_unchanged(task.source, decoded),
        )
        return _Loaded(photo, sha256, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Loaded) -> _Exported:
        """Make the files."""
        started = time.perf_counter()
        encoded = self._format.encode(loaded.photo, self._job.settings)
        return _Exported(encoded, loaded, time.perf_counter() - started)

    def save(self, task: ImageTask, computed: _Exported) -> ImageReport:
        """Write the record, which says what belongs to the photo, and the files, together."""
        started = time.perf_counter()
        encoded, loaded, folder = computed.encoded, computed.loaded, self._job.format_name
        source = (PurePosixPath(task.key).parent / task.name).as_posix()
        record = {
            "name": loaded.photo.name,
            "source": source,
            "files": sorted(encoded.files),
            "record": encoded.record,
        }
        files = [(export_record_name(folder, task.key), to_json(record))]
        files += [(f"{folder}/{name}", data) for name, data in encoded.files.items()]
        write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(
            read=loaded.seconds,
            postprocess=computed.seconds,
            write=time.perf_counter() - started,
        )
        result = loaded.photo.result
        return done_report(task, files, result.image_hw, len(result.people), seconds, loaded.sha256)


def plain_name(key: str, wanted: Format) -> str:
    """Name of a photo in a data set, if no other photo has it.

    Lists of pairs are taken apart at white space and names at ``.jpg``, so neither is in a name.
    """
    if wanted.mirrors:
        return key
    name = key.replace("/", "__")
    name = "".join(c if c.isalnum() or c in _PLAIN else "_" for c in name)
    name = name.replace(".jpg", "-jpg")
    return shorten_name(name.replace("_", "-") if wanted.hyphens else name, _MOST_BYTES)


Earlier = Callable[[Sequence[str]], Mapping[str, str]]
"""Names that some photos, by their keys, have in the data set already."""


def settle_names(
    keys: Iterable[str], wanted: Format, earlier: Earlier = lambda _: {}
) -> tuple[tuple[str, str], ...]:
    """A name of its own for each photo that would share another one's.

    Args:
        keys: of all photos of the data set, shards included.
        wanted: the format.
        earlier: asked for photos that would share a name; they keep the one that they have.

    Returns:
        (key, name) pairs; for all other photos ``plain_name`` holds.
    """
    plain = {key: plain_name(key, wanted) for key in sorted(keys)}
    counts = Counter(name + end for name in plain.values() for end in wanted.endings)
    counts.update(wanted.reserved)
    shared = [k for k, name in plain.items() if any(counts[name + e] > 1 for e in wanted.endings)]
    if not shared:
        return ()
    taken = {name for name, count in counts.items() if count == 1} | {*wanted.reserved}
    known = {k: n for k, n in earlier(shared).items() if _is_numbered(n, plain[k])}
    settled = []
    for key in sorted(shared, key=lambda key: key not in known):
        own = {plain[key] + end for end in wanted.endings}
        taken -= {name for name in own if counts[name] == 1}
        name = next(n for n in _names(plain[key], known.get(key)) if _is_free(n, wanted, taken))
        taken |= {name + end for end in wanted.endings}
        if name != plain[key]:
            settled.append((key, name))
    return tuple(settled)


def _names(plain: str, known: str | None) -> Iterator[str]:
    """What a photo may be called, the best first."""
    yield from (plain,) if known is None else (known, plain)
    yield from (f"{plain}~{number}" for number in itertools.count(2))


def _is_free(name: str, wanted: Format, taken: Container[str]) -> bool:
    return not any(name + end in taken for end in wanted.endings)


def _is_numbered(name: str, plain: str) -> bool:
    """Whether a name is one that ``settle_names`` gives."""
    return name == plain or re.fullmatch(r"~[1-9]\d{0,8}", name.removeprefix(plain)) is not None


def read_names(output: Path, export: str, keys: Sequence[str]) -> dict[str, str]:
    """Names that photos have in a data set already; those that are not in it are left out.

    Args:
        output: root of the output.
        export: the format's name.
        keys: of the photos.
    """
    names = {}
    for key in keys:
        with contextlib.suppress(ImageError, OutputError, ValueError), OutputTree(output) as tree:
            names[key] = text_of(parse_object(tree.read(export_record_name(export, key))), "name")
    return names


def finish_export(job: ExportJob, tasks: Sequence[ImageTask], *, overwrite: bool = False) -> Path:
    """Write the files of the whole data set, from what was noted of each photo.

    Args:
        job: the export.
        tasks: all photos of the data set; those that failed are left out.
        overwrite: replace files that no export wrote.

    Returns:
        the manifest, which says where each file comes from.

    Raises:
        ConflictError: a file of that name is there that no export wrote.
        OutputError: a file cannot be written.
    """
    wanted = job.format
    with OutputTree(job.output) as tree:
        items = read_items(tree, job, tasks)
        files = wanted.finish(items, job.settings)
        files[MANIFEST] = _manifest(job, items)
        named = {f"{wanted.name}/{name}": data for name, data in files.items()}
        _write_owned(tree, job, named, overwrite=overwrite)
    return job.folder / MANIFEST


def read_items(tree: OutputTree, job: ExportJob, tasks: Sequence[ImageTask]) -> list[Item]:
    """The photos of a data set that are done, in the order of the tasks.

    Raises:
        OutputError: a record was damaged.
    """
    entries = read_history(tree, job.name).entries
    items = []
    for task in tasks:
        entry = entries.get(task.key)
        if entry is None or not entry.report.status.is_good:
            continue
        name = export_record_name(job.format_name, task.key)
        try:
            document = parse_object(tree.read(name))
            source, record = text_of(document, "source"), object_of(document, "record")
            items.append(Item(text_of(document, "name"), source, record))
        except (ImageError, ValueError) as error:
            raise OutputError(
                f"{job.output / name} {error}; export again with --rerun all"
            ) from error
    return items


def _manifest(job: ExportJob, items: Sequence[Item]) -> bytes:
    """Which photo each name comes from, and what puts a result back; what is not here and why."""
    document: dict[str, Any] = {
        "format": job.format_name,
        "m2fp": __version__,
        "settings": dict(job.signature()),
        "not_made": dict(job.format.not_made),
        "photos": [
            {"name": item.name, "source": item.source, **_shown(item.record)} for item in items
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=True).encode("ascii") + b"\n"


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    people = record.get("people")
    return {"people": people} if isinstance(people, list) else {}


def _write_owned(
    tree: OutputTree, job: ExportJob, files: Mapping[str, bytes], *, overwrite: bool
) -> None:
    """Write files of the whole data set; only those that an earlier export wrote are replaced."""
    state, own = files_name(job), read_owned(tree, job)
    names = sorted({*own, *files})
    may_replace = None if overwrite else own
    foreign = next((name for name in files if _is_foreign(tree, name, may_replace)), None)
    if foreign is not None:
        raise foreign_file(str(job.output / foreign))
    write_group(tree, [(state, to_json({"files": names}))], (state,))
    write_group(tree, list(files.items()), may_replace)


def foreign_file(shown: str) -> ConflictError:
    """The error about a file of the whole data set that no export wrote."""
    return ConflictError(
        f"{displayable(shown)} is there already and no export wrote it; choose another folder "
        "with -o, or --overwrite to replace it"
    )


def _is_foreign(tree: OutputTree, name: str, may_replace: Collection[str] | None) -> bool:
    try:
        refuse_foreign(tree, name, may_replace)
    except ConflictError:
        return True
    return False


def files_name(job: ExportJob) -> str:
    """Name of what says which files of the whole data set exports wrote."""
    return state_name(f"{job.name}.files.json")


def read_owned(tree: OutputTree, job: ExportJob) -> list[str]:
    """Names of files of the whole data set that exports wrote."""
    try:
        known = list_of(parse_object(tree.read(files_name(job))), "files", most=_MOST_FILES)
    except (ImageError, ValueError):
        return []
    return [name for name in known if isinstance(name, str)]
