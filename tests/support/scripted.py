"""A scripted job for tests of the batch engine: no model, no picture, each photo says what it does.

The text in a photo's file is the script: ``ok``, ``sleep 0.3``, ``crash`` (segfault in compute),
``crash-load``, ``crash-once``, ``die-saved`` (killed when its files are written),
``die-once-saved``, ``hang``, ``hang-load``, ``exit``, ``bad`` (ImageError), ``error``
(a bug), ``full`` (no space left), ``folder`` (its output's name is taken), ``memory``, ``await X``
(until ``X`` lies in the diary), ``meet`` (until the next photo is being loaded and the one before
is being saved), ``held-up 3`` (as many seconds, which are no photo's fault).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.batch.job import Worker
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.stamps import digest_file
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.delays import report_delay
from m2fp_cli.errors import ImageError, ModelError, OutputError
from m2fp_cli.storage.errors import TargetError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group


@dataclass(frozen=True)
class ScriptedJob:
    """Obeys the scripts in the photos; see the module's text.

    Attributes:
        boot: what building a worker does: ``ok``, ``sleep 0.5``, ``refuse``, ``crash``,
            ``refuse-second`` (all but the first, who leave ``second`` in the diary),
            ``late-second`` (these take a second).
        setting: goes into the outputs, so another one makes other bytes.
        stage_seconds: how long each stage sleeps.
        grow_bytes: memory that each photo leaves behind.
        diary: folder in which each worker leaves its process id, and each stage its times.
    """

    output: Path
    boot: str = "ok"
    setting: str = "one"
    stage_seconds: float = 0.0
    grow_bytes: int = 0
    diary: Path | None = None
    name: str = "parse"
    preload: tuple[str, ...] = ()

    def signature(self) -> dict[str, str]:
        return {"setting": self.setting}

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        return (task.path,)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        return (f"labels/{task.key}.png", f"results/{task.key}.json")

    def photo_digest(self, task: ImageTask) -> str:
        return digest_file(task.source)

    def memory_bytes(self) -> int:
        return 1

    def build_worker(self, threads: int) -> Worker:
        if self.diary is not None:
            (self.diary / f"{os.getpid()}.pid").touch()
        if self.boot == "refuse" or (self.boot == "refuse-second" and self._is_second()):
            raise ModelError("the model is damaged")
        if self.boot == "late-second" and self._is_second():
            time.sleep(1)
        if self.boot == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.boot.startswith("sleep"):
            time.sleep(float(self.boot.split()[1]))
        return ScriptedWorker(self)

    def _is_second(self) -> bool:
        assert self.diary is not None
        try:
            (self.diary / "first").touch(exist_ok=False)
        except FileExistsError:
            (self.diary / "second").touch()
            return True
        return False


class ScriptedWorker:
    """Reads a script and obeys."""

    def __init__(self, job: ScriptedJob) -> None:
        self._job, self._tree = job, OutputTree(job.output)
        self._hoard: list[bytes] = []

    def load(self, task: ImageTask) -> str:
        with self._noted("load", task):
            script = task.source.read_text()
            if script == "crash-load":
                os.kill(os.getpid(), signal.SIGSEGV)
            if script == "hang-load":
                time.sleep(3600)
            return script

    def compute(self, task: ImageTask, loaded: str) -> str:
        with self._noted("compute", task):
            return self._obey(task, loaded)

    def _obey(self, task: ImageTask, loaded: str) -> str:
        if self._job.grow_bytes:
            self._hoard.append(b"\1" * self._job.grow_bytes)
        verb, _, rest = loaded.partition(" ")
        if verb == "hang":
            task.source.with_suffix(".hanging").touch()
        if verb == "await":
            self._await(rest)
        if verb == "meet":
            number = int(task.key)
            self._await(f"load-{number + 1:04d}", *[f"save-{number - 1:04d}"] * (number > 0))
        _ACTS.get(verb, lambda _: None)(rest)
        if verb == "crash-once" and _is_first(task, ".tried"):
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{loaded} {self._job.setting} {task.key!a}\n" * 50

    def _await(self, *names: str) -> None:
        """Poll for marks of others; for ever, the pool's limit ends a wait in vain."""
        assert self._job.diary is not None
        while not all((self._job.diary / name).exists() for name in names):
            time.sleep(0.005)

    def save(self, task: ImageTask, computed: str) -> ImageReport:
        with self._noted("save", task):
            return self._write(task, computed)

    @contextlib.contextmanager
    def _noted(self, stage: str, task: ImageTask) -> Iterator[None]:
        """Sleep as the job says, and note when the stage began and ended."""
        began = time.monotonic()
        if self._job.diary is not None:
            (self._job.diary / f"{stage}-{task.key}").touch()
        time.sleep(self._job.stage_seconds)
        yield
        if self._job.diary is not None:
            line = f"{stage} {task.key} {began} {time.monotonic()}\n"
            with (self._job.diary / "stages.txt").open("a") as file:
                file.write(line)

    def _write(self, task: ImageTask, computed: str) -> ImageReport:
        names = self._job.targets(task)
        if computed.startswith("full"):
            error = OutputError("cannot write: the disk is full")
            raise error from OSError(errno.ENOSPC, "No space left on device")
        if computed.startswith("folder"):
            raise TargetError("a folder has this name")
        data = computed.encode("utf-8", "surrogateescape")
        files = [(name, data) for name in names]
        written = write_group(self._tree, files, task.may_replace, fsync=False)
        if computed.startswith("die-saved") or (
            computed.startswith("die-once-saved") and _is_first(task, ".saved")
        ):
            os.kill(os.getpid(), signal.SIGKILL)
        return ImageReport(
            task.where,
            task.key,
            Status.DONE,
            image_hw=(48, 64),
            people=1,
            files=names,
            photo=digest_file(task.source),
            checksums=tuple(one.checksum for one in written),
        )


def _is_first(task: ImageTask, suffix: str) -> bool:
    """Whether nobody asked this before for the photo; a file beside it remembers."""
    try:
        task.source.with_suffix(suffix).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _fail(text: str) -> None:
    raise ImageError("corrupt", "is damaged")


def _err(text: str) -> None:
    raise ZeroDivisionError("a bug")


def _hold_up(text: str) -> None:
    for _ in range(round(float(text))):
        time.sleep(1.0)
        report_delay(1.0, "held up")


def _memory(text: str) -> None:
    raise MemoryError


_ACTS = {
    "sleep": lambda text: time.sleep(float(text)),
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": lambda _: time.sleep(3600),
    "exit": lambda _: os._exit(3),
    "bad": _fail,
    "error": _err,
    "memory": _memory,
    "held-up": _hold_up,
}


def write_photos(folder: Path, scripts: dict[str, str] | list[str]) -> list[Path]:
    """Photos with scripts in them, by name, or named ``0000.jpg``, ``0001.jpg`` ... in order."""
    if isinstance(scripts, list):
        scripts = {f"{number:04d}.jpg": script for number, script in enumerate(scripts)}
    paths = []
    for name, script in scripts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        paths.append(path)
    return paths


def tree_of(output: Path) -> dict[str, bytes]:
    """Everything below an output but its state: content by relative path."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and ".m2fp" not in path.relative_to(output).parts
    }
