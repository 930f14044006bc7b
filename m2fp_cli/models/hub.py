"""Downloads models with ModelScope's client: resumed, verified, with timeouts, without output.

The client is ``modelscope_hub``, which ``modelscope`` installs and whose ``snapshot_download`` it
calls. Importing it as ``modelscope.hub`` would import torch as well.
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
from typing import Any

from m2fp_cli.errors import ModelError
from m2fp_cli.home import home_folder
from m2fp_cli.models.cache import cache_root, equivalent_ids
from m2fp_cli.models.folder import HUB_FILES, require_complete
from m2fp_cli.models.progress import DownloadProgress

# The client reads these variables when it is imported. With its defaults (10 s to connect, 60 s
# without a byte, 4 to 6 attempts) a cron job without a network would wait for minutes. Variables
# that the user has set are not changed.
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
# Two names of one setting; the second is the older one.
_ENDPOINT_VARIABLES = ("MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN")
_LIST = "the list of files"


class HubUnreachableError(ModelError):
    """The hub does not answer; the message has no hint and is used inside a longer one."""


def download_model(hub_id: str, progress: DownloadProgress | None = None) -> Path:
    """Download configuration and weights of a model into ModelScope's cache.

    Args:
        hub_id: ``owner/name``; if the hub does not have it, the owner's other name is tried.
        progress: called from the client's threads as bytes arrive; None = not called.

    Returns:
        The folder with both files, whose sizes and SHA-256 sums are those of the hub's list.

    Raises:
        HubUnreachableError: no connection, or the hub stopped answering.
        ModelError: the hub has no such model or not all of its files, the bytes differ from the
            hub's list, or the cache cannot be written.
    """
    for one_id in equivalent_ids(hub_id):
        folder = _snapshot(one_id, progress)
        if folder is not None:
            require_complete(folder)
            return folder
    raise ModelError(f"the hub {_hub_name()} has no model {hub_id}; check the name")


def _snapshot(hub_id: str, progress: DownloadProgress | None) -> Path | None:
    """Download one id; None if the hub does not have it."""
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
        raise ModelError(
            f"the hub {_hub_name()} refuses {hub_id} ({_first_line(error)}); check that you have "
            "access to it"
        ) from error
    except FileDownloadError as error:
        name, cause = next(iter(error.failed_files.items()), ("a file", error))
        raise _download_error(hub_id, name, cause) from error
    except (HubError, requests.RequestException, OSError) as error:
        raise _download_error(hub_id, _LIST, error) from error
    return Path(folder)


def _download_error(hub_id: str, what: str, cause: BaseException) -> ModelError:
    """The error for one file or list that could not be downloaded."""
    import requests
    from modelscope_hub.errors import FileIntegrityError, NetworkError, ServerError

    if isinstance(cause, FileIntegrityError):
        return ModelError(
            f"{what} of {hub_id} arrives damaged from {_hub_name()} (its size or SHA-256 differs "
            "from the hub's list); nothing was kept, try again later"
        )
    if isinstance(cause, ServerError):
        return HubUnreachableError(
            f"the hub {_hub_name()} has a server error ({_first_line(cause)})"
        )
    if isinstance(cause, TimeoutError):
        return HubUnreachableError(f"the hub {_hub_name()} stopped answering")
    if isinstance(cause, NetworkError | ConnectionError | requests.RequestException):
        state = "cannot be reached" if what == _LIST else f"stopped sending {what}"
        return HubUnreachableError(f"the hub {_hub_name()} {state}")
    if isinstance(cause, OSError) and cause.errno is not None:
        hint = "free some space" if cause.errno == errno.ENOSPC else "make it writable"
        return ModelError(
            f"cannot write {what} of {hub_id} to {cache_root()} ({cause.strerror}); {hint}, or "
            "set MODELSCOPE_CACHE to another folder"
        )
    return ModelError(
        f"{what} of {hub_id} cannot be downloaded ({_first_line(cause)}); try again later"
    )


def _first_line(error: BaseException) -> str:
    """First line of an error's message, at most 200 characters."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _endpoint() -> str | None:
    """The hub that the user has set; None lets the client choose between its two sites."""
    return next((os.environ[v] for v in _ENDPOINT_VARIABLES if os.environ.get(v)), None)


def _hub_name() -> str:
    return _endpoint() or "www.modelscope.cn"


def _callback_class(progress: DownloadProgress) -> type[Any]:
    """A callback class for the client, which makes one object of it for each file."""
    from modelscope_hub import ProgressCallback

    class Reporter(ProgressCallback):  # type: ignore[misc, unused-ignore]
        done = 0

        def update(self, size: int) -> None:
            self.done += size
            progress(Path(self.filename).name, self.done, self.file_size)

    return Reporter


@contextlib.contextmanager
def _client_limits() -> Iterator[None]:
    """Set the client's limits in the environment inside, and remove them afterwards.

    The client does not start without a home folder, and takes an empty ``HOME`` for the current
    folder; the cache takes the place of a home that is not there.
    """
    wanted = {**CLIENT_LIMITS, "HOME": str(home_folder() or cache_root())}
    before = {key: os.environ[key] for key in wanted if key in os.environ}
    os.environ.update({**wanted, **before, "HOME": wanted["HOME"]})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for key in wanted:
            os.environ.pop(key)
        os.environ.update(before)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress the client's log lines, warnings and progress bars."""
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
