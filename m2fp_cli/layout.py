"""Names and places of everything that a run writes: one table, read by all who write or look.

::

    m2fp-out/                    an output
      labels/<key>.png           one folder for each kind of result or picture, see OUTPUT_FOLDERS
      results/<key>.json         the document of a photo
      report.html                the page of `m2fp report`
      .m2fp/                     state: manifests, locks, previews of the page

A key is the relative path of a photo without its image suffix, see ``batch.keys``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_OUTPUT = Path("m2fp-out")
STATE_FOLDER = ".m2fp"
REPORT_PAGE = "report.html"
PICTURE_SUFFIXES = (".png", ".jpg", ".webp")

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff",
     ".gif", ".avif", ".heic", ".heif")
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
    """

    name: str
    job: str
    suffixes: tuple[str, ...]
    option: str = ""
    by_default: bool = False


OUTPUT_FOLDERS = (
    OutputFolder("labels", "parse", (".png",), "labels", by_default=True),
    OutputFolder("people", "parse", (".png",), "people", by_default=True),
    OutputFolder("masks", "parse", (".png",), "masks"),
    OutputFolder("cutouts", "parse", (".png",), "cutouts"),
    OutputFolder("results", "parse", (".json",), "json", by_default=True),
    OutputFolder("colors", "colorize", PICTURE_SUFFIXES),
    OutputFolder("overlays", "colorize", PICTURE_SUFFIXES),
    OutputFolder("tryon", "tryon", (*PICTURE_SUFFIXES, ".json")),
)
"""Every folder that a run may write, a parse's document after what it describes.

``render.outputs`` holds a module for each folder of a parse.
"""

FOLDER_NAMES = frozenset(folder.name for folder in OUTPUT_FOLDERS)
RESULT_SUFFIXES = tuple(sorted({s for folder in OUTPUT_FOLDERS for s in folder.suffixes}))
SAVE_OPTIONS = tuple(folder.option for folder in OUTPUT_FOLDERS if folder.option)
DEFAULT_SAVE = tuple(folder.option for folder in OUTPUT_FOLDERS if folder.by_default)


def map_path(output: Path, kind: str, key: str) -> Path:
    """Path of the ``labels`` or ``people`` map of a photo."""
    return output / kind / f"{key}.png"


def result_path(output: Path, key: str) -> Path:
    """Path of the JSON document of a photo."""
    return output / "results" / f"{key}.json"


def result_files(output: Path, key: str) -> tuple[Path, ...]:
    """The files of a photo's result that pictures are made from; not all need to exist."""
    return (result_path(output, key), *(map_path(output, k, key) for k in ("labels", "people")))


def composite_paths(output: Path, key: str) -> tuple[Path, ...]:
    """Where try-on may have put its picture of a photo."""
    return tuple(output / "tryon" / f"{key}{suffix}" for suffix in PICTURE_SUFFIXES)


def preview_path(output: Path, key: str) -> Path:
    """Where the preview of a photo is kept, for the report's page."""
    return output / STATE_FOLDER / "report" / f"{key}.json"


def state_path(output: Path, name: str) -> Path:
    """Path of a lock or manifest."""
    return output / STATE_FOLDER / name


def is_output(folder: Path) -> bool:
    """Whether a folder is the output of a run."""
    return (folder / "results").is_dir() or (folder / STATE_FOLDER).is_dir()
