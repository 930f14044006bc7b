"""What the service puts up with: sizes, times and counts, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MEBI = 1 << 20

# A head of a request is a few hundred bytes; browsers stop at 8 to 16 KiB of cookies.
HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 15.0  # from the first byte or the last answer to a whole head
# An upload must bring so much in every window. A phone on a bad network has 32 KiB/s.
WINDOW_SECONDS = 10.0
WINDOW_BYTES = 64 * 1024
UPLOAD_SECONDS = 300.0
# The same for a client that reads its answer.
ANSWER_SECONDS = 600.0
# After a refusal the rest of an upload is read and dropped for a moment, because closing at once
# would reset the connection and the client would never see why.
DISCARD_SECONDS = 3.0
# Reading what a client sends costs time of everybody else. 256 KiB (asyncio's own piece) of chunks
# of one byte take h11 0.6 s; so the pieces are smaller, and who needs too much of it is closed.
READ_BYTES = 32 * 1024  # taken from one client before the next one's turn
READ_CPU_SECONDS = 1.0  # for one request; 32 MB in chunks of 1 KiB take 0.4 s
CONNECTIONS = 512  # open at once; those beyond are answered 503, but for /healthz
# From SIGTERM to the end of the work, and then for sending what is answered at last. Kubernetes
# kills after 30 s by default.
DRAIN_SECONDS = 25.0
LAST_ANSWERS_SECONDS = 2.0

FIELDS = 256  # parts of a form: a photo, and what is worn
FIELD_BYTES = 256  # of a text in a form
ITEMS = 250  # things worn in one try-on
PICTURES = 8  # uploaded accessories in one try-on
PICTURE_PIXELS = 16_000_000  # of all of them; as float32 with alpha they take 256 MB


@dataclass(frozen=True)
class ServiceLimits:
    """Limits that the operator sets.

    Attributes:
        upload_bytes: largest body of a request.
        pixels: largest width times height of a photo.
        photo_seconds: longest work on one photo; then its worker is killed.
        queue: requests that may wait while all workers are busy.
        memory_bytes: uploads and answers that are in the front process at once.
        kept_bytes: size of all results that are kept for later requests.
        kept_count: number of them.
        kept_seconds: time after its last use for which a result is kept.
    """

    upload_bytes: int = 32 * MEBI
    pixels: int = 50_000_000
    photo_seconds: float = 60.0
    queue: int = 8
    memory_bytes: int = 512 * MEBI
    kept_bytes: int = 256 * MEBI
    kept_count: int = 200
    kept_seconds: float = 600.0
