"""The log file of a run: one JSON object per line, for machines."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, TextIO

from m2fp_cli.errors import OutputError
from m2fp_cli.terminal import displayable

_START = b'{"time":"'  # of every log


class RunLog:
    """Appends events to a file; without a path it does nothing."""

    def __init__(self, path: Path | str | None) -> None:
        """Open the file, at its end.

        Raises:
            OutputError: it cannot be written, or is somebody's file that is no log.
        """
        self._file: TextIO | None = None
        self._path = None if path is None else Path(path)
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                _refuse_foreign(self._path)
                self._file = self._path.open("a", encoding="ascii", buffering=1)
            except OSError as error:
                raise self._error(error) from error

    def event(self, kind: str, **fields: Any) -> None:
        """Write one line: when, what, and what belongs to it.

        Raises:
            OutputError: it cannot be written.
        """
        if self._file is None:
            return
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        document = {"time": moment, "pid": os.getpid(), "event": kind, **fields}
        try:
            self._file.write(json.dumps(document, separators=(",", ":")) + "\n")
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _error(self, error: OSError) -> OutputError:
        name = displayable(self._path or "")
        return OutputError(f"cannot write the log {name}: {error.strerror}")


def _refuse_foreign(path: Path) -> None:
    """Check that a regular file holds nothing, or a log: lines at a photo's end would harm it.

    Raises:
        OSError: it cannot be read.
        OutputError: it holds something else.
    """
    if not path.is_file():  # a pipe, or nothing
        return
    with path.open("rb") as file:
        start = file.read(len(_START))
    if start not in (b"", _START):
        raise OutputError(
            f"{displayable(path)} is there already and is no log of m2fp; give --log-file another "
            "name"
        )
