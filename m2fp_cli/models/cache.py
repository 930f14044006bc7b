"""Finds models in ModelScope's cache on this machine, in every layout its clients have used.

This needs neither the client nor the network. The layouts, below the root ``$MODELSCOPE_CACHE`` or
``~/.cache/modelscope`` (taken from the code of ModelScope's clients; a dot in a name becomes
``___``):

* ``models/OWNER/NAME/`` with the variable and ``hub/models/OWNER/NAME/`` without it, up to
  modelscope 1.37
* ``models/OWNER--NAME/snapshots/REVISION/`` since modelscope 1.38
* ``hub/OWNER/NAME/`` and ``OWNER/NAME/`` before ``models/`` was introduced

They are tried in this order, which is the client's own: it writes new files to the first layout
that exists, so that a repaired copy is the one that is found.

The hub renamed the owner ``damo`` to ``iic`` and serves both, so a copy of either is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from m2fp_cli.errors import ModelUnavailableError
from m2fp_cli.home import expand_home, home_folder
from m2fp_cli.models.folder import is_complete, list_folder

OWNER_ALIASES = {"damo": "iic", "iic": "damo"}
_DEFAULT_BRANCHES = ("master", "main")


def cache_root() -> Path:
    """Root of ModelScope's cache, as its client finds it; it need not exist.

    Raises:
        ModelUnavailableError: there is no variable and no home folder.
    """
    given = os.environ.get("MODELSCOPE_CACHE") or os.environ.get("MS_CACHE_HOME")
    if given:
        return expand_home(given)
    home = home_folder()
    if home is None:
        raise ModelUnavailableError(
            "this user has no home folder to look for models in; set MODELSCOPE_CACHE to a folder, "
            "or use --model starter"
        )
    return home / ".cache" / "modelscope"


def equivalent_ids(hub_id: str) -> tuple[str, ...]:
    """The ids under which the hub serves a model, the given one first.

    Args:
        hub_id: ``owner/name``.
    """
    owner, _, name = hub_id.partition("/")
    alias = OWNER_ALIASES.get(owner)
    return (hub_id, f"{alias}/{name}") if alias else (hub_id,)


def find_cached(hub_id: str) -> Path | None:
    """Folder of a model in the cache that has all its files; None if there is none.

    Args:
        hub_id: ``owner/name``.
    """
    return next((folder for folder in _candidate_folders(hub_id) if is_complete(folder)), None)


def find_partial(hub_id: str) -> Path | None:
    """Folder of a model in the cache that has some of its files; None if there is none.

    Args:
        hub_id: ``owner/name``.
    """
    for folder in _candidate_folders(hub_id):
        if list_folder(folder) and not is_complete(folder):
            return folder
    return None


def _candidate_folders(hub_id: str) -> Iterator[Path]:
    """Where a model may lie, in the order of this module's description."""
    try:
        root = cache_root()
    except ModelUnavailableError:
        return
    for one_id in equivalent_ids(hub_id):
        owner, _, name = one_id.partition("/")
        written = tuple(dict.fromkeys((name.replace(".", "___"), name)))
        yield from _model_folders((root / "models", root / "hub" / "models"), owner, written)
        revisions = list_folder(root / "models" / f"{owner}--{name}" / "snapshots")
        yield from sorted(revisions, key=lambda path: path.name not in _DEFAULT_BRANCHES)
        yield from _model_folders((root / "hub", root), owner, written)


def _model_folders(parents: tuple[Path, ...], owner: str, names: tuple[str, ...]) -> Iterator[Path]:
    for parent in parents:
        yield from (parent / owner / name for name in names)
