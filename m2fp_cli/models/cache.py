"""ModelScope's cache on this machine, in every layout its clients have used.

Looking up needs no client and no network. The layouts, below the root ``$MODELSCOPE_CACHE`` or
``~/.cache/modelscope`` (read from ModelScope's clients; dots in a name are written ``___``):

* ``models/OWNER/NAME/`` and ``hub/models/OWNER/NAME/``  up to modelscope 1.37, with and without
  the variable
* ``models/OWNER--NAME/snapshots/REVISION/``  since modelscope 1.38
* ``hub/OWNER/NAME/`` and ``OWNER/NAME/``  before ``models/`` came in

They are tried in this order, which is the client's own: the first is where it puts new files when
it exists, so a copy that was repaired is the copy that is found.

The hub renamed the owner ``damo`` to ``iic`` and serves both, so either copy will do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from m2fp_cli.models.folder import entries_of, is_complete

OWNER_ALIASES = {"damo": "iic", "iic": "damo"}


def cache_root() -> Path:
    """Root of ModelScope's cache, as its client computes it; it need not exist."""
    given = os.environ.get("MODELSCOPE_CACHE") or os.environ.get("MS_CACHE_HOME")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "modelscope"


def same_models(hub_id: str) -> tuple[str, ...]:
    """The ids under which the hub serves one model, the given one first."""
    owner, _, name = hub_id.partition("/")
    alias = OWNER_ALIASES.get(owner)
    return (hub_id, f"{alias}/{name}") if alias else (hub_id,)


def find_cached(hub_id: str) -> Path | None:
    """Folder of a model whose files are all in the cache; None where there is none.

    Args:
        hub_id: ``owner/name``.
    """
    return next((folder for folder in _candidates(hub_id) if is_complete(folder)), None)


def find_partial(hub_id: str) -> Path | None:
    """Folder of a model of which only some files are in the cache; None where there is none."""
    for folder in _candidates(hub_id):
        if entries_of(folder) and not is_complete(folder):
            return folder
    return None


def _candidates(hub_id: str) -> Iterator[Path]:
    root = cache_root()
    for one_id in same_models(hub_id):
        owner, _, name = one_id.partition("/")
        written = tuple(dict.fromkeys((name.replace(".", "___"), name)))
        yield from _below((root / "models", root / "hub" / "models"), owner, written)
        yield from _snapshots(root / "models" / f"{owner}--{name}" / "snapshots")
        yield from _below((root / "hub", root), owner, written)


def _below(parents: tuple[Path, ...], owner: str, names: tuple[str, ...]) -> Iterator[Path]:
    for parent in parents:
        yield from (parent / owner / name for name in names)


def _snapshots(folder: Path) -> list[Path]:
    """Revisions in a snapshot folder: the default branch first, then by name."""
    return sorted(entries_of(folder), key=lambda path: path.name not in ("master", "main"))
