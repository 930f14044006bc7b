"""``m2fp models calibrate``: measures the ranges that int8 needs, and what int8 changes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, overload

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.help import FAILURES, INPUT, SPEED
from m2fp_cli.engine.int8.choice import MOST_ERROR
from m2fp_cli.errors import ExitCode, ImageError, ModelError, NoImagesError
from m2fp_cli.terminal import counted, displayable, say, warn

if TYPE_CHECKING:
    from m2fp_cli.arrays import Picture
    from m2fp_cli.batch.tasks import ImageTask

ShowPhoto = Callable[[], "Picture"]
"""Gives a photo, (H, W, 3) uint8 BGR."""

EXAMPLES = (
    "m2fp models calibrate photos\nm2fp models calibrate photos --model starter --max-error 0.02"
)
_CHECK_ONE_OF = 4  # photos of so many are kept for comparing answers
_DRAWN_SIZES = ((480, 640), (640, 480), (720, 1280))
_DRAWN = 12


def calibrate(
    photos: Annotated[
        Path | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Folder of photos like those that will be parsed; three quarters are calibrated "
            "on, the others compared. [default: drawn pictures]",
            show_default=False,
            readable=False,
        ),
    ] = None,
    model: options.Model = None,
    limit: Annotated[
        int,
        typer.Option(
            min=2,
            metavar="N",
            help="Most photos to take from the folder, spread over it, of those that can be read.",
            rich_help_panel=INPUT,
        ),
    ] = 64,
    max_error: Annotated[
        float,
        typer.Option(
            "--max-error",
            min=0.001,
            max=1.0,
            metavar="SHARE",
            help="How much int8 may change the features that masks are made of, relative to their "
            "size. A larger one is faster: more layers compute in int8; with 1 all do.",
            rich_help_panel=SPEED,
        ),
    ] = MOST_ERROR,
    threads: options.Threads = "auto",
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Store the calibration even if too many labels change.",
            rich_help_panel=FAILURES,
        ),
    ] = False,
) -> None:
    """Calibrate a model for --precision int8.

    It measures the ranges of the network's values on photos. Layers that would change the answers
    most for the least work stay in float: in bf16 on CPUs with units for it, else in fp32. Then it
    compares the answers in int8 and fp32 on other photos, and stores the ranges beside the model
    cache, for these weights only.

    The default of --max-error is about what bfloat16 changes. A calibration with which less than
    98.5 % of the pixels keep their label is refused. A photo that cannot be read costs a line, and
    exit code 3; another takes its place.
    """
    from m2fp_cli.batch.resources import check_threads, usable_cores
    from m2fp_cli.commands.option_groups import read_count
    from m2fp_cli.engine.int8.calibration import LEAST_AGREEMENT, check_place, store_calibration
    from m2fp_cli.models.progress import show_download
    from m2fp_cli.models.registry import resolve_model
    from m2fp_cli.storage.inputs import require_folder

    cores = read_count("--threads", threads) or usable_cores()
    check_threads(usable_cores(), cores)
    if photos is not None:
        require_folder(photos, "name one that holds photos")
    with show_download(quiet=False) as progress:
        found = resolve_model(model, progress=progress)
    check_place(found.folder)
    shown, failed = (_drawn(), 0) if photos is None else _stored(photos, limit)
    ranged, others = _split(shown)
    import torch

    from m2fp_cli.engine.int8.calibrate import calibrate_model
    from m2fp_cli.kernels.mkl import choose_mkl_code

    choose_mkl_code()
    torch.set_num_threads(cores)
    shown_name, photo_count = displayable(found.name), counted(len(ranged), "photo")
    warn(f"calibrating {shown_name} on {photo_count}, comparing on {len(others)}; takes minutes")
    calibration = calibrate_model(
        found.folder, _Shown(ranged), _Shown(others), most_error=max_error, tell=_now_and_then()
    )
    agreement = calibration.agreement
    assert agreement is not None
    say(agreement.line())
    if agreement.labels < LEAST_AGREEMENT and not force:
        raise ModelError(
            f"int8 changes too many labels: less than {LEAST_AGREEMENT:.1%} are the same; give "
            "more photos of the kind you parse or a smaller --max-error, use another precision, or "
            "store it with --force"
        )
    say(f"stored in {displayable(store_calibration(calibration))}")
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _now_and_then() -> Callable[[str], None]:
    """Shows the newest line every half minute, as a run does without a terminal."""
    from m2fp_cli.batch.progress import LINE_SECONDS

    shown_at = time.monotonic()

    def show(line: str) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= LINE_SECONDS:
            shown_at = time.monotonic()
            warn(line)

    return show


class _Shown(Sequence["Picture"]):
    """Photos that are read when they are looked at."""

    def __init__(self, photos: list[ShowPhoto]) -> None:
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> _Shown: ...
    def __getitem__(self, index: int | slice) -> Picture | _Shown:
        if isinstance(index, slice):
            return _Shown(self._photos[index])
        return self._photos[index]()


def _split(photos: list[ShowPhoto]) -> tuple[list[ShowPhoto], list[ShowPhoto]]:
    """Those to calibrate on, and those to compare on."""
    ranged = [one for index, one in enumerate(photos) if index % _CHECK_ONE_OF]
    return ranged, photos[::_CHECK_ONE_OF]


def _stored(folder: Path, limit: int) -> tuple[list[ShowPhoto], int]:
    """Photos of a folder, spread evenly over it, and how many cannot be read.

    Each is read once before the minutes of work, and again when it is shown: all would not fit into
    the memory.
    """
    from m2fp_cli.bench.photos import readable_photos, scan_folder

    failed: list[str] = []

    def fail(line: str) -> None:
        warn(line)
        failed.append(line)

    tasks = scan_folder(folder, fail).tasks
    found = itertools.islice(readable_photos(spread_first(tasks, limit), fail), limit)
    # In the order of the folder again: every fourth is compared, wherever others took a place.
    good = sorted(photo.source for photo in found if photo.source is not None)
    if len(good) < 2:
        few = f"{displayable(folder)} holds {'one photo' if good else 'no photo'}"
        raise NoImagesError(f"{few} that can be read; calibrating takes two, better fifty")
    return [partial(_read, source) for source in good], len(failed)


def spread_first(tasks: Sequence[ImageTask], limit: int) -> Iterator[ImageTask]:
    """All photos of a folder: first so many that are spread evenly over it, then the others."""
    count = min(limit, len(tasks))
    chosen = {index * len(tasks) // count for index in range(count)}
    yield from (tasks[index] for index in sorted(chosen))
    yield from (task for index, task in enumerate(tasks) if index not in chosen)


def _read(source: Path) -> Picture:
    """A photo; an error names it.

    Raises:
        ImageError: it cannot be read.
    """
    from m2fp_cli.imaging.codec import read_image

    try:
        return read_image(source).image_bgr
    except ImageError as error:
        raise ImageError(error.reason, f"{displayable(source)}: {error}") from error


def _drawn() -> list[ShowPhoto]:
    """Pictures of noise at several scales, in several sizes."""
    from m2fp_cli.bench.photos import synthetic_photo

    sizes = [_DRAWN_SIZES[index % len(_DRAWN_SIZES)] for index in range(_DRAWN)]
    return [partial(synthetic_photo, *size, seed) for seed, size in enumerate(sizes)]
