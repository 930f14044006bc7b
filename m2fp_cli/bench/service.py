"""``m2fp serve`` under load: its rate beside that of the pool, its answers, its memory."""

from __future__ import annotations

import contextlib
import http.client
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from m2fp_cli.batch.processes import python_command
from m2fp_cli.bench.clients import Load, run_clients
from m2fp_cli.bench.offline import OfflineFigures, measure_offline
from m2fp_cli.bench.photos import Photo, write_photo
from m2fp_cli.bench.processes import children_of, proportional_mib
from m2fp_cli.bench.rounds import Patience
from m2fp_cli.bench.statistics import percentile
from m2fp_cli.errors import EngineError
from m2fp_cli.jobs.parse import ParseJob

CROWD = 200  # clients at once
_QUEUE_PER_WORKER = 4  # as the command's default
_START_SECONDS = 600.0
_WARM_UP_SECONDS = 5.0


@dataclass(frozen=True)
class ServiceFigures:
    """A service under load.

    Attributes:
        workers: processes.
        threads: cores of each.
        queue: requests that may wait.
        clients: that asked at once for ``rate``: as many as are accepted.
        rate: photos per second.
        offline_rate: photos per second of the pool alone, writing the same documents.
        seconds: raw samples: of each request, from its first byte to the end of its answer.
        crowd: clients at once in the second part.
        statuses: answers of the crowd by HTTP status.
        unanswered: requests of the crowd without an answer.
        crowd_seconds: raw samples of the crowd's accepted requests.
        bound_seconds: what an accepted request may take: all that wait before it, and itself, at
            the 99th percentile of the time in a worker.
        front_mib: memory of the front before the crowd and after it.
        workers_mib: the same of the workers together.
    """

    workers: int
    threads: int
    queue: int
    clients: int
    rate: float
    offline_rate: float
    seconds: list[float]
    crowd: int
    statuses: dict[int, int]
    unanswered: int
    crowd_seconds: list[float]
    bound_seconds: float
    front_mib: tuple[float, float]
    workers_mib: tuple[float, float]

    @property
    def name(self) -> str:
        """``2 x 1``: workers x threads."""
        return f"{self.workers} x {self.threads}"

    @property
    def share(self) -> float:
        """Its rate as a part of the pool's."""
        return self.rate / self.offline_rate

    @property
    def p99_seconds(self) -> float:
        """99th percentile of the crowd's accepted requests."""
        return percentile(self.crowd_seconds, 99)


def measure_service(
    photos: list[Photo],
    job: ParseJob,
    shape: tuple[int, int],
    patience: Patience,
    *,
    cores: int,
    say: Callable[[str], None],
) -> ServiceFigures:
    """Measure the pool, then the service with as many clients as it accepts, then with a crowd.

    Args:
        photos: taken in turn.
        job: the parse; the service takes its model and number format.
        shape: workers, threads of each.
        patience: how long each part is measured.
        cores: that this process may use.
        say: told in a line what is going on.

    Raises:
        EngineError: the service does not start, or accepts nothing.
    """
    same = replace(job, settings=replace(job.settings, save=("json",)))
    offline = measure_offline(photos, same, shape, patience, cores=cores, say=say)
    say(f"serve: the pool alone does {offline.rate:.2f} photos/s")
    queue = _QUEUE_PER_WORKER * shape[0]
    with (
        tempfile.TemporaryDirectory(prefix="m2fp-bench-") as text,
        _service(job, shape, queue, Path(text)) as (process, port),
    ):
        files = [write_photo(photo, Path(text)).read_bytes() for photo in photos]
        clients = shape[0] + queue
        run_clients(port, files, clients, _WARM_UP_SECONDS)
        steady = run_clients(port, files, clients, patience.seconds)
        say(f"serve: {clients} clients get {steady.rate:.2f} photos/s")
        before = _memory(process.pid)
        crowd = run_clients(port, files, CROWD, patience.seconds)
        say(f"serve: {CROWD} clients at once are answered {dict(crowd.statuses)}")
        after = _memory(process.pid)
    return _figures(shape, queue, clients, offline, steady, crowd, before, after)


def _figures(
    shape: tuple[int, int],
    queue: int,
    clients: int,
    offline: OfflineFigures,
    steady: Load,
    crowd: Load,
    before: tuple[float, float],
    after: tuple[float, float],
) -> ServiceFigures:
    if not (steady.seconds and crowd.seconds):
        raise EngineError("the service accepted no photo in time; raise --min-time")
    work = percentile(crowd.work_seconds, 99)
    return ServiceFigures(
        workers=shape[0],
        threads=shape[1],
        queue=queue,
        clients=clients,
        rate=steady.rate,
        offline_rate=offline.rate,
        seconds=steady.seconds,
        crowd=CROWD,
        statuses=dict(crowd.statuses),
        unanswered=crowd.unanswered,
        crowd_seconds=crowd.seconds,
        bound_seconds=work * (1 + queue / shape[0]),
        front_mib=(before[0], after[0]),
        workers_mib=(before[1], after[1]),
    )


def _memory(pid: int) -> tuple[float, float]:
    """Memory of the front and of all processes below it, in MiB, shared pages counted once."""
    return proportional_mib(pid), sum(map(proportional_mib, children_of(pid)))


@contextlib.contextmanager
def _service(
    job: ParseJob, shape: tuple[int, int], queue: int, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A service of its own process, and its port, until the end of the block."""
    options = {
        "--model": str(job.model.folder),
        "--precision": job.settings.precision,
        "--workers": str(shape[0]),
        "--threads": str(shape[1]),
        "--queue": str(queue),
        "--port": "0",
    }
    words = [word for option in options.items() for word in option]
    log = folder / "serve.log"
    with log.open("wb") as stream:
        command = python_command("m2fp_cli", "serve", *words)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stream, stdout=stream)
    try:
        yield process, _wait_until_ready(process, log)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text("utf-8", "replace")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
        if found and "ready after" in text and _is_ready(int(found[1])):
            return int(found[1])
        time.sleep(0.2)
    last = (log.read_text("utf-8", "replace").strip().splitlines() or ["it says nothing"])[-1]
    raise EngineError(f"the service does not start: {last}")


def _is_ready(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as line:
        try:
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        except OSError:
            return False
