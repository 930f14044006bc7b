"""Forms with files in them: a body that is in memory already, cut into its fields.

Why not python-multipart: it walks through near-misses of the boundary byte by byte in Python. 8 MB
of them took it 17 s, with everybody else waiting; ``bytes.find`` takes 3 ms. And Starlette's form
reader above it writes files of more than 1 MiB to disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from m2fp_cli.server import limits as bounds
from m2fp_cli.server.header_values import read_header_value
from m2fp_cli.server.problem import Problem

_HEADER_BYTES = 4096  # of one part; browsers send some 150
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}(?<! )")  # RFC 2046, 5.1.1
_DISPOSITION = re.compile(r"^content-disposition:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_AFTER_DELIMITER = re.compile(rb"[ \t]{0,64}\r\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form.

    Attributes:
        name: of the field.
        filename: as the client says; None for a text.
        content: its bytes.
    """

    name: str
    filename: str | None
    content: bytes

    @property
    def is_nothing(self) -> bool:
        """Whether it is what a browser sends of an input for files in which none was chosen."""
        return self.filename == "" and not self.content

    @property
    def text(self) -> str:
        """The content of a text field.

        Raises:
            Problem: 400, it is not UTF-8 or too long; most often a photo under another name.
        """
        if len(self.content) > bounds.FIELD_BYTES and self.filename is not None:
            raise _damaged(f"the field {self.name!r} holds a file; send the photo as 'image'")
        if len(self.content) > bounds.FIELD_BYTES:
            raise _damaged(f"the field {self.name!r} is longer than {bounds.FIELD_BYTES} bytes")
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError:
            raise _damaged(f"the field {self.name!r} is not UTF-8") from None


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a form; None if the media type is another one.

    Raises:
        Problem: 400, there is no boundary or none that RFC 2046 allows.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        return None
    try:
        boundary = read_header_value(content_type)[1].get("boundary", "")
    except ValueError:
        boundary = ""
    if not _BOUNDARY.fullmatch(boundary):
        raise _damaged("its Content-Type names no valid boundary")
    return boundary.encode("ascii")


def split_form(body: bytes, boundary: bytes) -> list[Part]:
    """All fields of a form.

    Work is bounded by the length of the body: a line that only begins like the boundary is an
    error, as in RFC 2046, and not searched on.

    Raises:
        Problem: 400, it is damaged or has too many fields.
    """
    opening = b"--" + boundary
    delimiter = b"\r\n" + opening
    if body.startswith(opening):
        at = len(opening)
    else:  # a preamble
        at = body.find(delimiter) + len(delimiter)
        if at < len(delimiter):
            raise _damaged("its boundary does not appear")
    parts: list[Part] = []
    while not body.startswith(b"--", at):
        line_end = _AFTER_DELIMITER.match(body, at)
        if line_end is None:
            raise _damaged("a line begins like its boundary and is none")
        end = body.find(delimiter, line_end.end() - 2)
        if end < 0:
            raise _damaged("it is cut short: its last boundary is missing")
        if len(parts) >= bounds.FIELDS:
            raise _damaged(f"it has more than {bounds.FIELDS} fields")
        parts.append(_read_part(body, line_end.end(), end))
        at = end + len(delimiter)
    return parts


def _read_part(body: bytes, start: int, end: int) -> Part:
    headers_end = body.find(b"\r\n\r\n", start, min(end, start + _HEADER_BYTES))
    if headers_end < 0:
        raise _damaged("a field has no headers, or very long ones")
    name, filename = _disposition(body[start:headers_end])
    return Part(name, filename, body[headers_end + 4 : end])


def _disposition(headers: bytes) -> tuple[str, str | None]:
    """Name and file name of a part."""
    found = _DISPOSITION.findall(headers.decode("utf-8", "replace"))
    try:
        (value,) = found
        kind, given = read_header_value(value)
    except ValueError:
        raise _damaged("a field's headers cannot be read") from None
    if kind != "form-data" or "name" not in given:
        raise _damaged("a field has no name")
    return given["name"][:64], given.get("filename")


def _damaged(why: str) -> Problem:
    return Problem(400, "bad_form", f"the form cannot be read: {why}")
