"""Downloads through ModelScope's client: resumed, verified, bounded in time and silent.

The client is ``modelscope_hub``, the package that ``modelscope`` installs and forwards
``snapshot_download`` to. Importing it through ``modelscope.hub`` would import torch as well.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2fp_cli.errors import ModelError
from m2fp_cli.models.cache import cache_root, same_models
from m2fp_cli.models.folder import HUB_FILES, require_complete

if TYPE_CHECKING:
    from m2fp_cli.models.registry import DownloadProgress

# The client reads these when it is imported. Its defaults (10 s to connect, 60 s without a byte,
# 4 to 6 attempts of everything) keep a cron job without a network waiting for minutes. What the
# user has set is left alone.
CLIENT_LIMITS = {
    "MODELSCOPE_API_CONNECT_TIMEOUT": "5",
    "MODELSCOPE_API_TIMEOUT": "20",
    "MODELSCOPE_API_MAX_RETRIES": "1",
    "MODELSCOPE_REPO_TREE_PAGE_TIMEOUT_SECONDS": "10",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "2",
    "MODELSCOPE_DOWNLOAD_TIMEOUT": "20",
    "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "3",
    "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "10",
}
# ModelScope's client treats them as one: the second is the older name.
_ENDPOINT_VARIABLES = ("MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN")
_LIST = "the list of files"


class HubUnreachableError(ModelError):
    """The hub does not answer; the message is the end of a sentence."""


def download_model(hub_id: str, progress: DownloadProgress | None = None) -> Path:
    """Download configuration and weights of a model into ModelScope's cache.

    Args:
        hub_id: ``owner/name``; where the hub does not know it, the owner's other name is tried.
        progress: called from the client's threads as bytes come in; None for silence.

    Returns:
        The folder that holds both files, which agree with the hub's sizes and SHA-256 sums.

    Raises:
        HubUnreachableError: no connection, or the hub stopped answering.
        ModelError: the hub has no such model or lacks one of its files, the bytes do not agree
            with the hub's listing, or the cache cannot be written.
    """
    for one_id in same_models(hub_id):
        folder = _snapshot(one_id, progress)
        if folder is not None:
            require_complete(folder)
            return folder
    raise ModelError(f"the hub {_hub_name()} has no model {hub_id}")


def _snapshot(hub_id: str, progress: DownloadProgress | None) -> Path | None:
    """Download one id; None where the hub does not know it."""
    with _client_limits():
        import requests
        from modelscope_hub.compat import snapshot_download
        from modelscope_hub.errors import FileDownloadError, HubError
    try:
        with _silence():
            folder = snapshot_download(
                hub_id,
                cache_dir=str(cache_root().resolve()),
                allow_patterns=list(HUB_FILES),
                endpoint=_endpoint(),
                progress_callbacks=[_callback_class(progress)] if progress else None,
            )
    except requests.HTTPError as error:
        if "NotExist" in type(error.__cause__).__name__:
            return None
        raise ModelError(f"the hub {_hub_name()} refuses {hub_id}: {_short(error)}") from error
    except FileDownloadError as error:
        name, cause = next(iter(error.failed_files.items()), ("a file", error))
        raise _failure(hub_id, name, cause) from error
    except (HubError, requests.RequestException, OSError) as error:
        raise _failure(hub_id, _LIST, error) from error
    return Path(folder)


def _failure(hub_id: str, what: str, cause: BaseException) -> ModelError:
    """One sentence for what went wrong with one file."""
    from modelscope_hub.errors import FileIntegrityError, NetworkError, ServerError

    if isinstance(cause, FileIntegrityError):
        return ModelError(
            f"{what} of {hub_id} arrives damaged from {_hub_name()} (its size or SHA-256 is not "
            "the listed one); nothing was kept, try again later"
        )
    if isinstance(cause, ServerError):
        return HubUnreachableError(f"the hub {_hub_name()} is out of order ({_short(cause)})")
    if isinstance(cause, TimeoutError):
        return HubUnreachableError(f"the hub {_hub_name()} stopped answering")
    if isinstance(cause, NetworkError | ConnectionError) or _is_requests_error(cause):
        state = "cannot be reached" if what == _LIST else f"stopped sending {what}"
        return HubUnreachableError(f"the hub {_hub_name()} {state}")
    if isinstance(cause, OSError) and cause.errno is not None:
        hint = "free some space" if cause.errno == errno.ENOSPC else "make it writable"
        return ModelError(
            f"cannot write {what} of {hub_id} to {cache_root()} ({cause.strerror}); {hint}, or "
            "set MODELSCOPE_CACHE to another folder"
        )
    return ModelError(f"{what} of {hub_id} cannot be downloaded: {_short(cause)}")


def _is_requests_error(cause: BaseException) -> bool:
    import requests

    return isinstance(cause, requests.RequestException)


def _short(error: BaseException) -> str:
    """First line of an error, without a long tail."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _endpoint() -> str | None:
    """The hub the user has set; None leaves the choice between its two sites to the client."""
    return next((os.environ[v] for v in _ENDPOINT_VARIABLES if os.environ.get(v)), None)


def _hub_name() -> str:
    return _endpoint() or "www.modelscope.cn"


def _callback_class(progress: DownloadProgress) -> type[Any]:
    """The client wants a class, of which it makes one object for each file."""
    from modelscope_hub import ProgressCallback

    class Reporter(ProgressCallback):  # type: ignore[misc, unused-ignore]
        done = 0

        def update(self, size: int) -> None:
            self.done += size
            progress(Path(self.filename).name, self.done, self.file_size)

    return Reporter


@contextlib.contextmanager
def _client_limits() -> Iterator[None]:
    """Set what the client reads when it is imported, and take it back."""
    ours = {key: value for key, value in CLIENT_LIMITS.items() if key not in os.environ}
    os.environ.update(ours)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for key in ours:
            os.environ.pop(key, None)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the client's log lines, warnings and its own progress bars off both streams."""
    logger = logging.getLogger("modelscope_hub")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
