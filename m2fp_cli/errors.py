"""Every error a user can meet, as one tree, each with the exit code it stands for.

::

    M2fpError                 1   could not start, or an internal error
    |- UsageError             2   an option or argument is wrong
    |- NoInputError          66   an input is not there, or cannot be read
    |  `- NoImagesError      66   it is there, and holds nothing to work on
    |- OutputError           73   the output cannot be written
    |- OutputLockedError     75   another run holds the output
    |- ModelError             1   weights are missing, damaged or of another architecture
    |  `- ModelUnavailableError   the hub cannot be reached and nothing is cached
    |- EngineError            1   an engine cannot run here (an extra is not installed)
    |- StoreError             1   an object store fails, or does not let us in
    `- ImageError             -   one photo is bad; the run goes on and ends with 3

A message is one sentence that names the file and says what to do about it.
"""

from __future__ import annotations

from enum import IntEnum

from m2fp_cli.terminal import displayable


class ExitCode(IntEnum):
    """What the process tells its caller; part of the stable interface."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    SOME_FAILED = 3
    NO_INPUT = 66
    CANNOT_WRITE = 73
    LOCKED = 75
    INTERRUPTED = 130
    TERMINATED = 143


class M2fpError(Exception):
    """Root of all errors that are shown as one line instead of a traceback."""

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, message: str) -> None:
        """Store one line; control characters, which a file's name may hold, become escapes."""
        super().__init__(displayable(message))


class UsageError(M2fpError):
    """An option or argument is wrong."""

    exit_code = ExitCode.USAGE


class NoInputError(M2fpError):
    """An input, a folder or a file, is not there or cannot be read."""

    exit_code = ExitCode.NO_INPUT


class NoImagesError(NoInputError):
    """None of the inputs holds a photo."""


class OutputError(M2fpError):
    """The output cannot be written: read-only, disk full, not a folder."""

    exit_code = ExitCode.CANNOT_WRITE


class OutputLockedError(M2fpError):
    """Another run is writing to the same output."""

    exit_code = ExitCode.LOCKED


class ModelError(M2fpError):
    """A model is damaged, incomplete, unsafe or of another architecture."""


class ModelUnavailableError(ModelError):
    """A model is neither on this machine nor reachable."""


class EngineError(M2fpError):
    """The asked-for engine cannot run on this machine."""


class StoreError(M2fpError):
    """An object store cannot be reached, fails again and again, or does not let us in."""


class ImageError(M2fpError):
    """One photo cannot be parsed.

    Attributes:
        reason: machine-readable class, one of ``REASONS``; it goes into reports and manifests.
    """

    exit_code = ExitCode.SOME_FAILED
    REASONS = (
        "empty",
        "unsupported",
        "too_large",
        "corrupt",
        "unreadable",
        "vanished",
        "out_of_memory",
        "timeout",
        "crash",
        "unwritable",
        "conflict",
        "stale",
        "internal",
    )

    def __init__(self, reason: str, message: str) -> None:
        """Store the class and the sentence of one failure.

        Args:
            reason: one of ``REASONS``.
            message: a sentence without the path; whoever prints it puts the path in front.

        Raises:
            ValueError: ``reason`` is not one of ``REASONS``.
        """
        if reason not in self.REASONS:
            raise ValueError(f"unknown failure class {reason!r}, expected one of {self.REASONS}")
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        """Keep both fields when the error crosses a process border."""
        return type(self), (self.reason, str(self))


# How torch and OpenCV say it, whose errors are no MemoryError.
_NO_MEMORY = ("can't allocate memory", "(-4:Insufficient memory)")


def lacks_memory(error: Exception) -> bool:
    """Whether an error, of whatever library, says that memory was short."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)
