"""Temporary files of killed processes, removed without touching what others still write."""

from __future__ import annotations

from collections.abc import Iterable

from m2fp_cli.batch.history import History
from m2fp_cli.batch.lock import OutputLock
from m2fp_cli.batch.shard import Shard
from m2fp_cli.layout import OUTPUT_FOLDERS, STATE_FOLDER, folders_of_results
from m2fp_cli.storage.temporaries import sweep_temporaries
from m2fp_cli.storage.tree import OutputTree

_FOREIGN_SECONDS = 3600.0  # older than any file another shard is still writing


class Leftovers:
    """Sweeps the output of a run."""

    def __init__(self, tree: OutputTree, lock: OutputLock, job: str, shard: Shard | None) -> None:
        """Sweep nothing yet.

        Args:
            tree: the output.
            lock: by which the run holds it.
            job: name of the job.
            shard: the part that the run does; None for all.
        """
        self._tree, self._lock, self._job, self._shard = tree, lock, job, shard

    @property
    def folders(self) -> list[str]:
        """Folders of the output that the job writes to."""
        return [folder.name for folder in OUTPUT_FOLDERS if folder.job == self._job]

    def sweep_after_kill(self, history: History, manifest: str) -> None:
        """Remove what an earlier run left that was killed: only such a one has open claims.

        Args:
            history: what the manifests of the output say.
            manifest: name of this run's.
        """
        if self._shard is None:
            is_cut_short = any(True for run in history.claims for _ in history.open_keys(run))
            if is_cut_short or len(history.lines) > 1:
                self.sweep(())
            return
        own = [run for run, claims in history.claims.items() if claims.manifest == manifest]
        if own:
            self.sweep(key for run in own for key in history.open_keys(run))

    def sweep(self, keys: Iterable[str]) -> None:
        """Remove what killed processes left.

        A shard looks only where the results of its photos are, since the whole output may be large,
        and leaves what others may still be writing. Exports do not mirror the photos' folders.

        Args:
            keys: of a shard's photos.
        """
        if self._shard is None:
            sweep_temporaries(self._tree, (*self.folders, STATE_FOLDER))
            return
        with self._lock.trying_alone() as is_alone:
            self._sweep_of_shard(keys, 0.0 if is_alone else _FOREIGN_SECONDS)

    def _sweep_of_shard(self, keys: Iterable[str], age: float) -> None:
        if self._job.startswith("export-"):
            sweep_temporaries(self._tree, self.folders, older_than_seconds=age)
            return
        places = {name for key in keys for name in folders_of_results(self._job, key)}
        sweep_temporaries(self._tree, sorted(places), older_than_seconds=age, below=False)
