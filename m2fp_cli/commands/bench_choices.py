"""What the options of ``m2fp bench`` mean: scenarios, formats, photos, patience."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from m2fp_cli.commands import options
from m2fp_cli.commands.serve import missing_modules, require_extra
from m2fp_cli.errors import UsageError
from m2fp_cli.kernels.cpu import supports_bfloat16
from m2fp_cli.terminal import warn

if TYPE_CHECKING:
    from m2fp_cli.bench.photos import Photo
    from m2fp_cli.bench.rounds import Patience


class Scenario(str, Enum):
    """What is measured."""

    SINGLE = "single"
    OFFLINE = "offline"
    SERVE = "serve"
    PAINT = "paint"
    ALL = "all"


class Opponent(str, Enum):
    """Engines to be measured beside ours."""

    NONE = "none"
    REFERENCE = "reference"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


def read_scenarios(asked: Scenario, known: tuple[str, ...], *, sweep: bool) -> tuple[str, ...]:
    """What is measured; all leaves out the service where its extra is not installed.

    Raises:
        EngineError: the service is asked for, and its extra is not installed.
    """
    if asked is Scenario.SERVE:
        require_extra()
    if asked is Scenario.ALL:
        return tuple(n for n in known if n != Scenario.SERVE.value or not missing_modules())
    return (asked.value, "offline") if sweep and asked.value != "offline" else (asked.value,)


def read_precisions(text: str) -> tuple[str, ...]:
    """The number formats that are asked for, without those that this CPU does not have.

    Raises:
        UsageError: one is unknown, or none is left.
    """
    asked = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    # Here, because it takes an eighth of the time of `m2fp --help`.
    from m2fp_cli.jobs.model_files import int8_caution

    known = [name.value for name in options.PrecisionName]
    if not asked or not {*asked} <= {*known}:
        raise UsageError(f"--precision takes some of {','.join(known)}, got {text!r}")
    if len(asked) > 1 and "bf16" in asked and not supports_bfloat16():
        warn("--precision bf16: left out, since this CPU has no AVX-512, which torch needs for it")
        asked = tuple(name for name in asked if name != "bf16")
    for caution in filter(None, map(int8_caution, asked)):
        warn(f"--precision int8: {caution}")
    return asked


def read_folder(words: list[str]) -> Path | None:
    """The folder of the photos; None for synthetic ones.

    Raises:
        UsageError: more than one is named.
        NoInputError: it is not there.
    """
    from m2fp_cli.storage.inputs import require_folder

    if len(words) > 1:
        raise UsageError("m2fp bench takes one folder, or the word compare and two files")
    if not words:
        return None
    folder = Path(words[0])
    require_folder(folder, "name one that holds photos")
    return folder


def read_photos(
    folder: Path | None, sizes: str | None, limit: int, failed: list[str], *, quick: bool
) -> list[Photo]:
    """What is measured with; a line about each photo that cannot be read is shown and noted.

    Raises:
        UsageError: both sizes and a folder are named, or a size is none.
        NoImagesError: the folder holds no photo that can be read.
    """
    from m2fp_cli.bench.photos import load_photos, make_photos

    if folder is None:
        return make_photos(sizes or ("480p,1080p" if quick else "480p,720p,1080p"))
    if sizes is not None:
        raise UsageError("--sizes is for synthetic photos; leave out --sizes or the folder")

    def fail(line: str) -> None:
        warn(line)
        failed.append(line)

    return load_photos(folder, limit, fail)


def read_patience(
    seconds: float | None, count: int | None, budget: float | None, *, quick: bool
) -> Patience:
    """What was asked for; the rest from MLPerf's shortest runs, or from a minute in all."""
    from m2fp_cli.bench.rounds import Patience

    usual = Patience(5.0, 10, 15.0, warm_up=1) if quick else Patience(60.0, 30, 240.0, warm_up=2)
    return Patience(
        seconds=usual.seconds if seconds is None else seconds,
        count=usual.count if count is None else count,
        budget_seconds=usual.budget_seconds if budget is None else budget,
        warm_up=usual.warm_up,
    )
