"""What a client is told when a request cannot be done: a status, a code, and a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping

from m2fp_cli.errors import ImageError

# By the class of a photo's failure, see ``errors.ImageError``.
_STATUS_OF_REASON = {
    "empty": 422,
    "unsupported": 415,
    "too_large": 413,
    "corrupt": 422,
    "timeout": 504,
}


class Problem(Exception):
    """A request that is refused or failed.

    Attributes:
        status: HTTP status.
        code: machine-readable class.
        message: one sentence that says what to do.
        headers: more headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse with a status, a code and a sentence."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """The JSON document of the answer."""
        document = {"error": self.code, "message": self.message, "request_id": request_id}
        return json.dumps(document).encode("ascii") + b"\n"


class ClientGoneError(Exception):
    """The client closed the connection; nobody waits for an answer any more."""


def photo_problem(error: ImageError, what: str = "the photo") -> Problem:
    """The failure of a photo, as what its client is told.

    Args:
        error: the failure; its message is a sentence without a subject.
        what: the subject.
    """
    status = _STATUS_OF_REASON.get(error.reason)
    if status is not None:
        return Problem(status, error.reason, f"{what} {error}")
    return Problem(500, error.reason, f"{what} could not be worked on: {error}")


def busy(seconds: float, why: str) -> Problem:
    """Why a client shall come again.

    Args:
        seconds: until it is worth to try.
        why: one sentence.
    """
    return Problem(429, "busy", why, _come_again(seconds))


def late(seconds: float, why: str) -> Problem:
    """As ``busy``, for a client that has waited already: 504 would blame its photo.

    Args:
        seconds: until it is worth to try.
        why: one sentence.
    """
    return Problem(503, "busy", why, _come_again(seconds))


def closing() -> Problem:
    """What a client is told whose request was not done when the service ended."""
    return Problem(503, "closing", "the service is shutting down", {"Retry-After": "10"})


def _come_again(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds)))}
