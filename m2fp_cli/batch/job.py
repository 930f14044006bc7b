"""What a command asks of the batch engine: a job, and the worker it builds in each process.

The engine (``run.run_batch``) knows nothing of parsing, coloring or try-on. It gets photos
(``ImageTask``) and a job, and gives a report per photo. Everything it offers (processes, retries,
resume, lock, log, exit codes) is the same for every job.

A job is a small picklable record, a frozen dataclass of settings in a module that can be imported;
its class and its fields travel to the worker processes, which call ``build_worker``. A worker takes
one photo through three stages that overlap: while one photo is worked on, the next one is read and
the last one written.

>>> @dataclass(frozen=True)                                               # doctest: +SKIP
... class ColorizeJob:
...     output: Path
...     palette: str
...     name: str = "colorize"
...     preload: tuple[str, ...] = ("cv2",)
...
...     def signature(self) -> dict[str, str]:
...         return {"palette": self.palette}
...
...     def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
...         return (result_path(self.output, task.key),)
...
...     def targets(self, task: ImageTask) -> tuple[str, ...]:
...         return (f"colors/{task.key}.png",)
...
...     def photo_digest(self, task: ImageTask) -> str:
...         return sha256_of(task.source)
...
...     def memory_bytes(self) -> int:
...         return 500_000_000
...
...     def build_worker(self, threads: int) -> Worker:
...         return ColorizeWorker(self)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from m2fp_cli.batch.report import ImageReport
from m2fp_cli.batch.tasks import ImageTask


class Worker(Protocol):
    """Does the work on photos inside one worker process.

    The stages are called in order for each photo, each on a thread of its own: ``load`` and
    ``save`` must not touch what ``compute`` uses. What ``load`` returns goes into ``compute``, and
    what that returns into ``save``; the engine never looks at it. A worker that has nothing to
    overlap does everything in ``save`` and returns None elsewhere.

    Every stage may raise:

    * ``ImageError``: this photo fails, the run goes on;
    * ``OutputError``: nothing can be written, the run stops at once with exit code 73;
    * anything else: this photo fails as ``internal`` (``out_of_memory`` for a MemoryError).
    """

    def load(self, task: ImageTask) -> Any:
        """Read and decode what the photo's work needs."""

    def compute(self, task: ImageTask, loaded: Any) -> Any:
        """The work itself; runs on the main thread of the process, one photo at a time."""

    def save(self, task: ImageTask, computed: Any) -> ImageReport:
        """Encode and write the outputs, with ``storage.writing.write_group``; last the report.

        ``task.may_replace`` says which files may be replaced. The report must list ``files``, the
        names of the outputs: the photo counts as done as long as they all exist.
        """


class Job(Protocol):
    """Settings of one kind of work on photos; picklable."""

    @property
    def name(self) -> str:
        """Short name of the work, ``parse`` or ``tryon``: names its manifest in the output."""

    @property
    def output(self) -> Path:
        """Root of the output."""

    @property
    def preload(self) -> tuple[str, ...]:
        """Modules to import once for all worker processes, besides the job's own.

        They must start no threads.
        """

    def signature(self) -> Mapping[str, str]:
        """Everything that decides the content of the outputs, by a name a person understands.

        A photo is done again when one of them changes, and the difference is shown. Called in the
        process of the command line: it must not import torch.
        """

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """Files whose change makes the photo's outputs stale; usually the photo alone."""

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """Names in the output that the photo's work will write, as far as they are known before.

        A name that ends in ``/`` is a folder in which any file may be written.
        """

    def photo_digest(self, task: ImageTask) -> str:
        """SHA-256 of the photo's bytes; empty if it cannot be known.

        Asked for only where an earlier run did a photo of another path under the same key.
        """

    def memory_bytes(self) -> int:
        """About how much memory one worker process needs at its peak, on top of shared pages."""

    def build_worker(self, threads: int) -> Worker:
        """Build the worker, with its model; called once in each process, before its first photo.

        Args:
            threads: cores this process may use.

        Raises:
            M2fpError: it cannot be built; the run ends with the error's exit code.
        """
