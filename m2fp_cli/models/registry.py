"""Which model a name means, and where its files are.

A name is one of these, tried in this order:

1. a short name of ``SHORT_NAMES`` (write ``./m2fp`` for a folder of that name),
2. an existing folder,
3. a ModelScope id ``owner/name``.

No name means ``$M2FP_MODEL`` or, if that is not set, the published multi-human M2FP. One model is
never used in place of another.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from m2fp_cli.errors import ModelError, ModelUnavailableError, UsageError
from m2fp_cli.home import expand_home
from m2fp_cli.models.cache import cache_root, find_cached, find_partial
from m2fp_cli.models.folder import require_complete
from m2fp_cli.models.progress import DownloadProgress

MODEL_VARIABLE = "M2FP_MODEL"
DEFAULT_NAME = "m2fp"
STARTER_NAME = "starter"
STARTER_FOLDER = Path(__file__).parent / "starter"


@dataclass(frozen=True)
class KnownModel:
    """A model with a short name.

    Attributes:
        name: the short name.
        hub_id: ``owner/name`` on ModelScope; None for the bundled model.
        title: what it parses, in a few words.
        license: license of its weights.
    """

    name: str
    hub_id: str | None
    title: str
    license: str


KNOWN_MODELS = (
    KnownModel(
        "m2fp",
        "damo/cv_resnet101_image-multiple-human-parsing",
        "M2FP R101, several people, CIHP labels",
        "CC BY-NC 4.0",
    ),
    KnownModel(
        "m2fp-single",
        "damo/cv_resnet101_image-single-human-parsing",
        "M2FP R101, one person, LIP labels",
        "CC BY-NC 4.0",
    ),
    KnownModel(
        STARTER_NAME,
        None,
        "small M2FP, several people, CIHP labels",
        "Apache-2.0",
    ),
)
SHORT_NAMES = {model.name: model for model in KNOWN_MODELS}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class ModelSource(Enum):
    """How a model's files were found: bundled, in a folder, in the cache, or downloaded."""

    BUNDLED = "bundled"
    FOLDER = "folder"
    CACHE = "cache"
    DOWNLOAD = "download"


@dataclass(frozen=True)
class ModelFolder:
    """The files of one model on this machine.

    Attributes:
        name: the name that the user gave: short name, ModelScope id or folder.
        folder: the folder with both files.
        configuration: its ``configuration.json``.
        weights: its ``model.safetensors`` or ``pytorch_model.pt``.
        source: where they were found.
    """

    name: str
    folder: Path
    configuration: Path
    weights: Path
    source: ModelSource


def default_name() -> str:
    """The name of the model that is used if none is given."""
    return os.environ.get(MODEL_VARIABLE, "").strip() or DEFAULT_NAME


def hub_id_of(name: str) -> str | None:
    """The ModelScope id that a name means; None for the bundled model and for folders.

    Raises:
        UsageError: the name is neither a short name, nor a folder, nor a ModelScope id.
        ModelError: the name is a path, and no folder is there.
    """
    if name in SHORT_NAMES:
        return SHORT_NAMES[name].hub_id
    kind = _kind_of_path(name)
    if kind == "folder":
        return None
    if kind == "file":
        raise ModelError(f"{name} is a file; give the folder it is in")
    if _HUB_ID.fullmatch(name):
        return name
    if "/" in name or "\\" in name or name.startswith((".", "~")):
        raise ModelError(f"there is no model folder {name}; check the path")
    raise UsageError(
        f"there is no model {name!r}; use {', '.join(SHORT_NAMES)}, "
        "a ModelScope id (owner/name) or a folder"
    )


def resolve_model(
    name: str | None = None,
    *,
    download: bool = True,
    progress: DownloadProgress | None = None,
) -> ModelFolder:
    """Find a model's files; download them if they are missing.

    Files in the cache are used as they are, without asking the hub.

    Args:
        name: short name, ModelScope id or folder; None = the default.
        download: download missing files from the hub; otherwise missing files are an error.
        progress: called during a download; None = not called.

    Raises:
        UsageError: the name is neither a short name, nor a folder, nor a ModelScope id.
        ModelUnavailableError: the files are not here and the hub cannot be reached.
        ModelError: the folder is not complete, or the hub's files are damaged or missing.
    """
    name = name or default_name()
    hub_id = hub_id_of(name)
    if hub_id is None:
        return _local_model(name)
    folder, source = find_cached(hub_id), ModelSource.CACHE
    if folder is None:
        folder, source = fetch_model(name, hub_id, download, progress), ModelSource.DOWNLOAD
    return _model_folder(name, folder, source)


def fetch_model(
    name: str, hub_id: str, download: bool = True, progress: DownloadProgress | None = None
) -> Path:
    """Make a hub model's files in the cache complete and up to date, and return their folder.

    Files whose size and SHA-256 are those of the hub's list are kept; others are downloaded.

    Args:
        name: the name that the user gave, for error messages.
        hub_id: ``owner/name``.
        download: False = raise ``ModelUnavailableError`` at once.
        progress: see :func:`resolve_model`.

    Raises:
        ModelUnavailableError: the hub cannot be reached, or ``download`` is False.
        ModelError: the hub does not have the model, or its files arrive damaged.
    """
    if not download:
        raise ModelUnavailableError(_missing_sentence(name, hub_id))
    from m2fp_cli.models.hub import HubUnreachableError, download_model

    try:
        return download_model(hub_id, progress)
    except HubUnreachableError as error:
        if find_cached(hub_id) is not None:
            raise ModelUnavailableError(
                f"{name} is on this machine but cannot be checked: {error}; try again later"
            ) from error
        sentence = _missing_sentence(name, hub_id, f" and {error}")
        raise ModelUnavailableError(sentence) from error


def _kind_of_path(name: str) -> str:
    """What is at a path: ``folder``, ``file`` or ``nothing``."""
    try:
        path = expand_home(name)
        return "folder" if path.is_dir() else "file" if path.exists() else "nothing"
    except (OSError, ValueError):  # too long, a null byte
        return "nothing"


def _local_model(name: str) -> ModelFolder:
    if name != STARTER_NAME:
        return _model_folder(name, expand_home(name).resolve(), ModelSource.FOLDER)
    if not STARTER_FOLDER.is_dir():
        raise ModelError(
            "this installation lacks the bundled starter model; install m2fp again, or use "
            "--model m2fp"
        )
    return _model_folder(name, STARTER_FOLDER, ModelSource.BUNDLED)


def _model_folder(name: str, folder: Path, source: ModelSource) -> ModelFolder:
    configuration, weights = require_complete(folder)
    return ModelFolder(name, folder, configuration, weights, source)


def _missing_sentence(name: str, hub_id: str, reason: str = "") -> str:
    """Say that a model's files are missing, why they were not downloaded, and what to do."""
    called = name if name == hub_id else f"{name} ({hub_id})"
    partial = find_partial(hub_id)
    state = "only partly" if partial else "not"
    return (
        f"the files of {called} are {state} on this machine{reason}; run `m2fp models pull {name}` "
        f"where there is a network (they are kept in {partial or cache_root()}), or use "
        f"`--model {STARTER_NAME}`"
    )
