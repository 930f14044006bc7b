"""From the options of a command that parses to the job of the batch engine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from m2fp_cli.batch.work import ParseJob, make_parse_job
from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.inspect import MAX_PIXELS
from m2fp_cli.models.progress import show_download
from m2fp_cli.models.registry import default_name
from m2fp_cli.store import DEFAULT_KINDS


@dataclass(frozen=True)
class ParseSettings:
    """How photos are parsed, as the options of ``m2fp parse`` say it.

    Attributes:
        engine: ``fast`` or ``reference``.
        precision: number format of the fast engine: ``fp32``, ``bf16`` or ``auto``.
        flip: test-time augmentation of the fast engine.
        min_score: lowest score of a reported instance.
        kinds: what to write, members of ``store.KINDS``.
        max_pixels: larger photos are refused.
    """

    engine: str = "fast"
    precision: str = "fp32"
    flip: bool = False
    min_score: float = 0.1
    kinds: tuple[str, ...] = DEFAULT_KINDS
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        """Refuse what the reference engine cannot do.

        Raises:
            UsageError: it is asked to flip, or for another number format than its own.
        """
        if self.engine == "fast":
            return
        if self.flip:
            raise UsageError("--flip works with --engine fast only; leave one of them out")
        if self.precision != "fp32":
            raise UsageError("--precision is for --engine fast; the reference computes in fp32")


def find_parse_job(
    output: Path, model: str | None, settings: ParseSettings, *, quiet: bool
) -> ParseJob:
    """Find the model, showing its download if need be, and settle the job.

    Args:
        output: root of the output.
        model: name, ModelScope id or folder; None for ``M2FP_MODEL`` or ``m2fp``.
        settings: how to parse.
        quiet: show no download.

    Raises:
        ModelError: the model is missing or incomplete.
        UsageError: the name means nothing.
    """
    with show_download(quiet=quiet) as download:
        return make_parse_job(
            output, model or default_name(), progress=download, **asdict(settings)
        )
