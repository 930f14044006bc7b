"""Names and places of everything that a run writes: one table, read by all who write or look.

::

    m2fp-out/                    an output
      labels/<key>.png           one folder for each kind of result or picture, see OUTPUT_FOLDERS
      results/<key>.json         the document of a photo
      report.html                the page of `m2fp report`
      sheet.jpg                  the contact sheet of `m2fp tryon --sheet`; page 2 is sheet-2.jpg
      .m2fp/                     state: manifests, locks, previews of the page

A key is the relative path of a photo without its image suffix, see ``batch.keys``. A name is the
path of a file relative to the output, posix on every system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DEFAULT_OUTPUT = Path("m2fp-out")
STATE_FOLDER = ".m2fp"
FINETUNE_RECORD = f"{STATE_FOLDER}/finetune.json"
REPORT_PAGE = "report.html"
PAGE_MARK = b'<meta name="generator" content="m2fp'
"""In every page of a report: says that it may be replaced."""
SHEET_MARK = b"contact sheet by m2fp"
"""In every contact sheet, within its first bytes: says that it may be replaced."""
ANCHORS_END = "-anchors.png"  # of the picture that `m2fp accessories check` draws, after a stem
PICTURE_SUFFIXES = (".png", ".jpg", ".webp")

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff",
     ".gif", ".avif", ".heic", ".heif", ".hif", ".mpo", ".jpg_large")
)  # fmt: skip
"""Files with these suffixes, in any case, are taken from folders; their bytes decide later."""


@dataclass(frozen=True)
class OutputFolder:
    """A folder of an output.

    Attributes:
        name: of the folder.
        job: name of the job that writes it.
        suffixes: of its files.
        option: what ``m2fp parse --save`` calls it; empty where it is another command's.
        by_default: whether ``m2fp parse`` writes it unasked.
        per_photo: each photo has a folder of its own in it.
        shows_photo: its files hold pixels of the photo.
        collects: what a run writes of a photo comes beside what earlier runs wrote of it.
    """

    name: str
    job: str
    suffixes: tuple[str, ...]
    option: str = ""
    by_default: bool = False
    per_photo: bool = False
    shows_photo: bool = False
    collects: bool = False

    def target(self, key: str) -> str:
        """Name of what a photo has in the folder; a folder's ends in ``/``.

        Only for folders whose files have one suffix.
        """
        return f"{self.name}/{key}/" if self.per_photo else f"{self.name}/{key}{self.suffixes[0]}"


OUTPUT_FOLDERS = (
    OutputFolder("labels", "parse", (".png",), "labels", by_default=True),
    OutputFolder("people", "parse", (".png",), "people", by_default=True),
    OutputFolder("relabeled", "parse", (".png",), "relabeled"),
    OutputFolder("masks", "parse", (".png",), "masks", per_photo=True),
    OutputFolder("cutouts", "parse", (".png",), "cutouts", per_photo=True, shows_photo=True),
    OutputFolder("results", "parse", (".json",), "json", by_default=True),
    OutputFolder("colors", "colorize", PICTURE_SUFFIXES),
    OutputFolder("overlays", "colorize", PICTURE_SUFFIXES),
    OutputFolder("tryon", "tryon", (*PICTURE_SUFFIXES, ".json")),
    OutputFolder(
        "variants", "variants", (*PICTURE_SUFFIXES, ".json"), per_photo=True, collects=True
    ),
    OutputFolder("agnostic", "export-agnostic", (".png",)),
    OutputFolder("label-maps", "export-label-maps", (".png",)),
    OutputFolder("viton-hd", "export-viton-hd", (".jpg", ".png")),
    OutputFolder("dresscode", "export-dresscode", (".jpg", ".png")),
    OutputFolder("idm-vton", "export-idm-vton", (".jpg", ".png")),
    OutputFolder("catvton", "export-catvton", (".jpg", ".png")),
    OutputFolder("comfyui", "export-comfyui", (".png",)),
    OutputFolder("coco", "export-coco", (".jpg", ".png", ".json")),
    OutputFolder("cvat", "export-cvat", (".jpg", ".png")),
    OutputFolder("yolo", "export-yolo", (".jpg", ".png", ".txt")),
    OutputFolder("labelme", "export-labelme", (".jpg", ".png", ".json")),
    OutputFolder("describe", "export-describe", (".csv",)),
    OutputFolder("cihp", "export-cihp", (".jpg", ".png", ".txt")),
)
"""Every folder that a run may write, a parse's document after what it describes.

``render.outputs`` holds a module for each folder of a parse, ``exports`` one for each data set.
"""

EXPORTS = tuple(one.name for one in OUTPUT_FOLDERS if one.job == f"export-{one.name}")
"""Formats of data sets, each a folder of its own."""
JOBS = ("parse", "colorize", "tryon", "variants", "report", *(f"export-{name}" for name in EXPORTS))
"""Names of the jobs, each with manifests of its own."""
_BY_NAME = {folder.name: folder for folder in OUTPUT_FOLDERS}
_AROUND_KEYS = frozenset(
    (f"{one.name}/", suffix)
    for one in OUTPUT_FOLDERS
    if not one.per_photo and not one.job.startswith("export-")
    for suffix in one.suffixes
)
RESULT_SUFFIXES = tuple(sorted({s for folder in OUTPUT_FOLDERS for s in folder.suffixes}))
SAVE_OPTIONS = tuple(folder.option for folder in OUTPUT_FOLDERS if folder.option)
DEFAULT_SAVE = tuple(folder.option for folder in OUTPUT_FOLDERS if folder.by_default)


def possible_names(job: str, key: str) -> tuple[str, ...]:
    """Names that a job may give to the files of a photo, those in folders of its own left out."""
    folders = [one for one in OUTPUT_FOLDERS if one.job == job and not one.per_photo]
    return tuple(f"{one.name}/{key}{suffix}" for one in folders for suffix in one.suffixes)


def is_plain_result_of(key: str, name: str) -> bool:
    """Whether a name is that of a photo's one file in a folder, found without a search.

    True says that ``is_result_of`` is true, and that the name is as sound as the key; False says
    nothing.
    """
    before, _, after = name.rpartition(key)
    return (before, after) in _AROUND_KEYS


def is_result_of(key: str, name: str) -> bool:
    """Whether a run may give this name to a file of a photo; exports name theirs in other ways."""
    folder, _, rest = name.partition("/")
    if folder in EXPORTS:
        return bool(rest)
    if folder == STATE_FOLDER:
        return name in {preview_name(key), *(export_record_name(one, key) for one in EXPORTS)}
    one = _BY_NAME.get(folder)
    if one is None or not rest.startswith(key):
        return False
    end = rest[len(key) :]
    return end.startswith("/") if one.per_photo else end in one.suffixes


def stay_beside(names: Iterable[str], written: Iterable[str]) -> set[str]:
    """Those files of a photo that stay when a later run of the same photo writes others.

    One goes if the same is written in another format.
    """
    stems = {one.rpartition(".")[0] for one in written}
    return {name for name in names if _collects(name) and name.rpartition(".")[0] not in stems}


def _collects(name: str) -> bool:
    folder = _BY_NAME.get(name.partition("/")[0])
    return folder is not None and folder.collects


def folders_of_results(job: str, key: str) -> tuple[str, ...]:
    """Names of the folders in which a job's files of a photo lie."""
    folders = [one for one in OUTPUT_FOLDERS if one.job == job]
    names = (f"{one.name}/{key}/x" if one.per_photo else f"{one.name}/{key}" for one in folders)
    return tuple(name.rpartition("/")[0] for name in names)


def map_name(kind: str, key: str) -> str:
    """Name of the ``labels`` or ``people`` map of a photo."""
    return f"{kind}/{key}.png"


def result_name(key: str) -> str:
    """Name of the JSON document of a photo."""
    return f"results/{key}.json"


def result_names(key: str) -> tuple[str, ...]:
    """Names of what pictures are made from; not all of it needs to exist."""
    return (result_name(key), map_name("labels", key), map_name("people", key))


def composite_names(key: str) -> tuple[str, ...]:
    """Names under which try-on may have put its picture of a photo."""
    return tuple(f"tryon/{key}{suffix}" for suffix in PICTURE_SUFFIXES)


def tryon_record_name(key: str) -> str:
    """Name of what try-on says of its picture of a photo."""
    return f"tryon/{key}.json"


def variant_name(key: str, name: str, suffix: str) -> str:
    """Name of the picture of a photo that shows a variant."""
    return f"variants/{key}/{name}{suffix}"


def variant_record_name(key: str, name: str) -> str:
    """Name of what try-on says of a variant of a photo."""
    return variant_name(key, name, ".json")


def sheet_name(page: int) -> str:
    """Name of a page of the contact sheet, counted from 1."""
    return "sheet.jpg" if page == 1 else f"sheet-{page}.jpg"


def preview_name(key: str) -> str:
    """Name of the preview of a photo, for the report's page."""
    return f"{STATE_FOLDER}/report/{key}.json"


def export_record_name(export: str, key: str) -> str:
    """Name of what an export remembers of a photo, for the files of the whole data set."""
    return f"{STATE_FOLDER}/export-{export}/{key}.json"


def state_name(name: str) -> str:
    """Name of a lock or manifest."""
    return f"{STATE_FOLDER}/{name}"


def result_path(output: Path, key: str) -> Path:
    """Path of the JSON document of a photo."""
    return output / result_name(key)


def is_output(folder: Path) -> bool:
    """Whether a folder is the output of a run."""
    try:
        return (folder / "results").is_dir() or (folder / STATE_FOLDER).is_dir()
    except OSError:  # it may not be looked into, or no folder can have its name
        return False
