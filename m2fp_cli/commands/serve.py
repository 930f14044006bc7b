"""``m2fp serve``: the web page and the HTTP API, on worker processes."""

from __future__ import annotations

import importlib.util
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import ACCESS, FAILURES, INPUT, MESSAGES, SPEED
from m2fp_cli.errors import EngineError, UsageError
from m2fp_cli.jsonio import read_bounded
from m2fp_cli.terminal import warn

if TYPE_CHECKING:
    from m2fp_cli.server.access import Access

EXAMPLES = """\
m2fp serve --model starter
m2fp serve --host 0.0.0.0 --token-file token.txt --port 8080"""

_MODULES = ("starlette", "uvicorn", "prometheus_client")
_TOKEN_FILE_BYTES = 1 << 16
_TOKEN_LENGTHS = (16, 512)  # characters; 16 random ones cannot be guessed
_QUEUE_PER_WORKER = 4
_MOST_UPLOAD_MB = 2048  # the front keeps four of the largest in memory


class LogFormat(str, Enum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen to; 0.0.0.0 for all of this machine.",
            rich_help_panel=INPUT,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Port to listen to; 0 takes a free one.",
            rich_help_panel=INPUT,
        ),
    ] = 5000,
    model: options.Model = None,
    workers: options.Workers = "auto",
    threads: options.Threads = "auto",
    precision: options.Precision = options.PrecisionName.FP32,
    queue: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Requests that may wait while all workers are busy: auto "
            f"({_QUEUE_PER_WORKER} for each worker) or a number. More are answered 429.",
            rich_help_panel=SPEED,
        ),
    ] = "auto",
    max_upload_mb: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=_MOST_UPLOAD_MB,
            metavar="MB",
            help="Largest upload that is taken, in megabytes.",
            rich_help_panel=FAILURES,
        ),
    ] = 32.0,
    max_pixels: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=options.MOST_MEGAPIXELS,
            metavar="MP",
            help="Refuse photos with more megapixels than this.",
            rich_help_panel=FAILURES,
        ),
    ] = 50.0,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="Give up on a photo after this time in a worker.",
            rich_help_panel=FAILURES,
        ),
    ] = 60.0,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="M2FP_TOKEN_FILE",
            help="File with the token that clients must send (Authorization: Bearer TOKEN). "
            "Needed unless the address is a loopback one.",
            show_default=False,
            rich_help_panel=ACCESS,
            readable=False,
        ),
    ] = None,
    no_token: Annotated[
        bool,
        typer.Option(
            "--no-token",
            help="Let everybody in who can reach the address.",
            rich_help_panel=ACCESS,
        ),
    ] = False,
    allowed_hosts: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Host names that clients may use for the service, with commas between them; "
            "*.example.com for all below a domain. localhost is always allowed.",
            show_default=False,
            rich_help_panel=ACCESS,
        ),
    ] = "",
    cors: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Origins whose pages may use the API, such as https://example.com.",
            show_default=False,
            rich_help_panel=ACCESS,
        ),
    ] = "",
    log_format: Annotated[
        LogFormat, typer.Option(help="How the log on stderr is written.", rich_help_panel=MESSAGES)
    ] = LogFormat.TEXT,
) -> None:
    """Serve a page where one drops photos, and an API for programs.

    Photos are parsed in worker processes and stay in memory for some minutes; nothing is written
    to disk. SIGTERM lets what was begun be finished. Needs the extra serve.
    """
    require_extra()
    from m2fp_cli.batch.resources import look_at_machine, plan_pool
    from m2fp_cli.commands.number_formats import check_precision
    from m2fp_cli.jobs.model_files import find_model
    from m2fp_cli.kernels.code_cache import NO_CODE_CACHE, choose_code_cache
    from m2fp_cli.models.progress import show_download
    from m2fp_cli.server.limits import MEBI, ServiceLimits
    from m2fp_cli.server.run import ServicePlan, run_service
    from m2fp_cli.server.work import ServiceJob

    access = read_access(host, token_file, allowed_hosts, cors, no_token=no_token)
    counts = {"--workers": workers, "--threads": threads, "--queue": queue}
    worker_count, thread_count, asked_queue = (
        option_groups.read_count(*one) for one in counts.items()
    )
    pixels = round(max_pixels * 1e6)
    with show_download(quiet=False) as download:
        job = ServiceJob(find_model(model, download), precision.value, pixels)
    check_precision(job.model, precision.value)
    pool = plan_pool(
        look_at_machine(),
        _MANY_PHOTOS,
        job.memory_bytes(),
        workers=worker_count,
        threads=thread_count,
    )
    upload_bytes = round(max_upload_mb * MEBI)
    limits = ServiceLimits(
        upload_bytes=upload_bytes,
        pixels=pixels,
        photo_seconds=timeout,
        queue=asked_queue or _QUEUE_PER_WORKER * pool.workers,
        memory_bytes=max(ServiceLimits.memory_bytes, 4 * upload_bytes),
    )
    if not choose_code_cache():
        warn(f"m2fp serve: {NO_CODE_CACHE}")
    run_service(ServicePlan(host, port, job, pool, limits, access, log_format is LogFormat.JSON))


_MANY_PHOTOS = 1_000_000  # a service is about more photos than there are cores


def missing_modules() -> list[str]:
    """Libraries of the extra that are not installed."""
    return [name for name in _MODULES if importlib.util.find_spec(name) is None]


def require_extra() -> None:
    """Say what to install where the extra is missing.

    Raises:
        EngineError: a library is missing.
    """
    missing = missing_modules()
    if missing:
        raise EngineError(
            f"m2fp serve needs {', '.join(missing)}; install them with: pip install 'm2fp[serve]'"
        )


def read_access(
    host: str, token_file: Path | None, allowed_hosts: str, cors: str, *, no_token: bool
) -> Access:
    """Who may ask.

    Raises:
        UsageError: there is no token where one is needed, or it is too short, or a list is wrong.
    """
    from m2fp_cli.server.access import Access
    from m2fp_cli.server.run import is_loopback

    loopback = is_loopback(host)
    if token_file is not None and no_token:
        raise UsageError("--token-file and --no-token contradict each other; leave one out")
    if token_file is None and not (loopback or no_token):
        raise UsageError(
            f"--host {host} lets other machines in: name a file with a token (--token-file), or "
            "say --no-token if everybody who can reach it may use it"
        )
    token = None if token_file is None else read_token(token_file)
    return Access(loopback, _names(allowed_hosts), _names(cors), token)


def read_token(path: Path) -> bytes:
    """The token in a file, without space around it.

    Raises:
        UsageError: the file cannot be read, or holds no token that is worth the name.
    """
    try:
        token = read_bounded(path, most_bytes=_TOKEN_FILE_BYTES, pipes=True).strip()
    except OSError as error:
        raise UsageError(f"--token-file {path}: cannot be read ({error.strerror})") from error
    except ValueError:
        token = b""  # a file of such a size is none of a token
    least, most = _TOKEN_LENGTHS
    if not (least <= len(token) <= most and token.isascii() and token.decode().isprintable()):
        raise UsageError(
            f"--token-file {path}: a token is one line of {least} to {most} ASCII characters; make "
            "one with: openssl rand -hex 32"
        )
    return token


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
