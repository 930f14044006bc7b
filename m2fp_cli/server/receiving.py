"""What a request brings: a photo as its body or in a form, and what is to be worn."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

from starlette.requests import Request

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.inspect import inspect_image
from m2fp_cli.server import limits as bounds
from m2fp_cli.server.form import Part, boundary_of, split_form
from m2fp_cli.server.guard import Exchange
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.messages import Worn
from m2fp_cli.server.parameters import kind_field
from m2fp_cli.server.problem import Problem, photo_problem
from m2fp_cli.server.upload import BodyReader, MemoryBudget, Share

PHOTO_FIELDS = ("image", "file")
_RAW_TYPES = ("image/", "application/octet-stream")
_NAME_LENGTH = 80  # the page knows it too, see page/queue.js
_KEPT = "LMN"  # letters, numbers, and the marks that many scripts write vowels with


@dataclass
class Upload:
    """What a request brought.

    Attributes:
        photo: the file of a photo; None if there is none.
        name: what files made from it are called.
        texts: names and values of text fields.
        worn: uploaded pictures to wear.
    """

    photo: bytes | None = None
    name: str = "photo"
    texts: list[tuple[str, str]] = field(default_factory=list)
    worn: list[Worn] = field(default_factory=list)


class Receiver:
    """Takes uploads.

    Attributes:
        budget: memory of uploads and answers.
    """

    def __init__(self, limits: ServiceLimits) -> None:
        """Take what the limits allow."""
        self._limits = limits
        self.budget = MemoryBudget(limits.memory_bytes)

    @contextlib.asynccontextmanager
    async def receiving(self, request: Request) -> AsyncIterator[Upload]:
        """A request's upload; what is left of it after a refusal is read and dropped.

        Raises:
            Problem: it is refused.
            ClientGoneError: the client went away.
        """
        reader = BodyReader(request.receive, _declared(request), self._limits)
        try:
            yield await self._read(request, reader)
        except Problem as problem:
            await self._settle(request, reader, problem)
            raise

    async def refuse(self, request: Request, problem: Problem) -> None:
        """Answer a request whose upload is not wanted at all.

        Raises:
            Problem: always the given one.
        """
        reader = BodyReader(request.receive, _declared(request), self._limits)
        await self._settle(request, reader, problem)
        raise problem

    async def _settle(self, request: Request, reader: BodyReader, problem: Problem) -> None:
        waits_for_us = "expect" in request.headers and not reader.is_begun
        if not reader.is_done and not waits_for_us:
            await reader.discard()
        if not reader.is_done:
            problem.headers["Connection"] = "close"

    async def _read(self, request: Request, reader: BodyReader) -> Upload:
        share = share_of(request, self.budget)
        content_type = request.headers.get("content-type", "")
        boundary = boundary_of(content_type)
        if boundary is not None:
            form = await reader.whole(share)
            # Clients made from our description announce a form even where the address says it all.
            return self._sort(split_form(form, boundary) if form else [])
        if not content_type.lower().startswith(_RAW_TYPES) and content_type:
            raise Problem(
                415,
                "unsupported",
                "send the photo as an image/* body, or as the field 'image' of a form "
                "(multipart/form-data); parameters may stand in the address",
            )
        body = await reader.whole(share)
        if not body:
            return Upload()
        self._inspect(body, self._limits.pixels, "the photo")
        return Upload(body)

    def _sort(self, parts: list[Part]) -> Upload:
        """Fields by what they are."""
        upload, pixels = Upload(), 0
        for part in parts:
            if part.is_nothing:
                continue
            field_of_kind = kind_field(part.name)
            if part.name in PHOTO_FIELDS:
                if upload.photo is not None:
                    raise bad_form("the form has more than one photo")
                self._inspect(part.content, self._limits.pixels, "the photo")
                upload.photo, upload.name = part.content, safe_name(part.filename or "")
            elif field_of_kind is not None and part.filename is not None:
                kind, person = field_of_kind
                pixels += self._inspect(part.content, bounds.PICTURE_PIXELS, f"the {kind}")
                upload.worn.append(Worn(kind, part.content, person))
                if len(upload.worn) > bounds.PICTURES or pixels > bounds.PICTURE_PIXELS:
                    raise _too_many_pictures()
            else:
                upload.texts.append((part.name, part.text))
        return upload

    def _inspect(self, data: bytes, most_pixels: int, what: str) -> int:
        """Look at a picture's header, before anything is queued or decoded.

        Returns:
            its pixels.

        Raises:
            Problem: it is of no known format, too large, or damaged.
        """
        try:
            header = inspect_image(data, max_pixels=most_pixels)
        except ImageError as error:
            if error.reason == "too_large":
                text = f"has more than the {most_pixels / 1e6:.4g} megapixels taken here"
                error = ImageError("too_large", f"{text}; make it smaller")
            raise photo_problem(error, what) from None
        return header.width * header.height


def share_of(request: Request, budget: MemoryBudget) -> Share:
    """A share of the memory that is given back when the answer to a request is sent."""
    exchange: Exchange = request.scope["state"]["exchange"]
    return exchange.resources.enter_context(budget.share())


def safe_name(filename: str) -> str:
    r"""What the files of an answer are called: the client's name without anything of a path.

    >>> safe_name("C:\\photos\\..\\Family 1.JPG")
    'Family 1'
    """
    last = PurePosixPath(PureWindowsPath(filename).name).name
    stem = unicodedata.normalize("NFC", last.rpartition(".")[0] or last)
    kept = "".join(c for c in stem if unicodedata.category(c)[0] in _KEPT or c in " -_.")
    return kept.strip(" .")[:_NAME_LENGTH].strip(" .") or "photo"


def _declared(request: Request) -> int | None:
    """``Content-Length``, which the HTTP layer has checked."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() else None


def _too_many_pictures() -> Problem:
    return Problem(
        413,
        "too_large",
        f"at most {bounds.PICTURES} pictures to wear are taken at once, with "
        f"{bounds.PICTURE_PIXELS / 1e6:g} megapixels together",
    )


def bad_form(sentence: str) -> Problem:
    """A form whose fields make no sense."""
    return Problem(400, "bad_form", sentence)
