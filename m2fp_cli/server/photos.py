"""``/parse``, ``/tryon`` and ``/results``: everything that needs a worker."""

from __future__ import annotations

import asyncio
import contextlib
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.imaging.inspect import inspect_image
from m2fp_cli.server import limits as bounds
from m2fp_cli.server.form import Part, boundary_of, split_form
from m2fp_cli.server.guard import Exchange
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.messages import WorkRequest, Worn
from m2fp_cli.server.metrics import Metrics
from m2fp_cli.server.parameters import Parameters, kind_field
from m2fp_cli.server.pool import Delivered, PoolClosedError, PoolFullError, ServicePool
from m2fp_cli.server.problem import ClientGoneError, Problem, photo_problem, refuse_busy
from m2fp_cli.server.store import Kept, ResultStore
from m2fp_cli.server.upload import BodyReader, MemoryBudget, Share
from m2fp_cli.server.views import Asked, choose_parse_view, choose_tryon_view

PHOTO_FIELDS = ("image", "file")
_PARSE_PARAMETERS = ("as", "labels", "by", "min_score")
_RESULT_PARAMETERS = ("as", "labels", "by")
_TRYON_PARAMETERS = ("as", "people", "result", "min_score", "*")
_RAW_TYPES = ("image/", "application/octet-stream")
_NAME_LENGTH = 80
_LONGEST_RETRY_SECONDS = 60.0


@dataclass
class _Upload:
    """What a request brought: a photo, texts, pictures to wear."""

    photo: bytes | None = None
    name: str = "photo"
    texts: list[tuple[str, str]] = field(default_factory=list)
    worn: list[Worn] = field(default_factory=list)


class PhotoRoutes:
    """The handlers of the paths that work on photos."""

    def __init__(
        self, pool: ServicePool, store: ResultStore, limits: ServiceLimits, metrics: Metrics
    ) -> None:
        """Handle requests with a pool of workers and a store of results."""
        self._pool, self._store, self._limits, self._metrics = pool, store, limits, metrics
        self.budget = MemoryBudget(limits.memory_bytes)

    async def parse(self, request: Request) -> Response:
        """``POST /parse``."""
        given = Parameters(request.query_params.multi_items(), _PARSE_PARAMETERS)
        accept = request.headers.get("accept", "")
        view, media_type = choose_parse_view(given.text("as"), accept)
        asked = Asked(view, media_type, given.labels(), given.by())
        lowest = given.min_score()
        async with self._uploading(request) as upload:
            if upload.texts or upload.worn:
                raise _bad_form("takes one photo; parameters belong into the address")
            photo = self._require_photo(upload)
            work = WorkRequest(photo, upload.name, asked, min_score=lowest)
            return await self._answer(request, work, keep=True)

    async def tryon(self, request: Request) -> Response:
        """``POST /tryon``."""
        query = request.query_params.multi_items()
        Parameters(query, _TRYON_PARAMETERS)  # before an upload is read for nothing
        async with self._uploading(request) as upload:
            given = Parameters([*query, *upload.texts], _TRYON_PARAMETERS)
            accept = request.headers.get("accept", "")
            asked = Asked(*choose_tryon_view(given.text("as"), accept))
            worn = (*given.worn(), *upload.worn)
            _check_worn(worn)
            lowest, people = given.min_score(), given.people()
            result_id = given.text("result")
            if result_id is None:
                photo = self._require_photo(upload)
                work = WorkRequest(
                    photo, upload.name, asked, min_score=lowest, worn=worn, people=people
                )
                return await self._answer(request, work, keep=True)
            if upload.photo is not None or lowest is not None:
                raise _bad_form("a result has its photo and its scores already")
            kept = self._kept(result_id)
            work = WorkRequest(
                kept.photo, kept.name, asked, kept.document, worn=worn, people=people
            )
            return await self._answer(request, work, keep=False)

    async def result(self, request: Request) -> Response:
        """``GET /results/{id}``: another view of a photo that was parsed."""
        given = Parameters(request.query_params.multi_items(), _RESULT_PARAMETERS)
        view, media_type = choose_parse_view(given.text("as"), request.headers.get("accept", ""))
        asked = Asked(view, media_type, given.labels(), given.by())
        kept = self._kept(request.path_params["result_id"])
        work = WorkRequest(kept.photo, kept.name, asked, kept.document)
        return await self._answer(request, work, keep=False)

    async def forget(self, request: Request) -> Response:
        """``DELETE /results/{id}``."""
        if not self._store.drop(request.path_params["result_id"]):
            raise _gone()
        return Response(status_code=204)

    # ---------------------------------------------------------------------------------- uploads

    @contextlib.asynccontextmanager
    async def _uploading(self, request: Request) -> AsyncIterator[_Upload]:
        """A request's upload; what is left of it after a refusal is read and dropped."""
        reader = BodyReader(request.receive, _declared(request), self._limits)
        try:
            self._refuse_if_full()
            yield await self._read_upload(request, reader, self._share(request))
        except Problem as problem:
            waits = "expect" in request.headers and not reader.is_begun
            if not reader.is_done and not waits:
                await reader.discard()
            if not reader.is_done:
                problem.headers["Connection"] = "close"
            raise

    def _share(self, request: Request) -> Share:
        """A share of the memory that is given back when the answer is sent."""
        exchange: Exchange = request.scope["state"]["exchange"]
        return exchange.resources.enter_context(self.budget.share())

    async def _read_upload(self, request: Request, reader: BodyReader, share: Share) -> _Upload:
        content_type = request.headers.get("content-type", "")
        boundary = boundary_of(content_type)
        if boundary is not None:
            return self._sort(split_form(await reader.whole(share), boundary))
        if not content_type.lower().startswith(_RAW_TYPES) and content_type:
            raise Problem(
                415,
                "unsupported",
                "send the photo as an image/* body, or as the field 'image' of a form "
                "(multipart/form-data)",
            )
        body = await reader.whole(share)
        if not body:
            return _Upload()
        self._inspect(body, self._limits.pixels, "the photo")
        return _Upload(body)

    def _sort(self, parts: list[Part]) -> _Upload:
        """Fields by what they are."""
        upload, pixels = _Upload(), 0
        for part in parts:
            field_of_kind = kind_field(part.name)
            if part.name in PHOTO_FIELDS:
                if upload.photo is not None:
                    raise _bad_form("it has more than one photo")
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

    def _require_photo(self, upload: _Upload) -> bytes:
        if upload.photo is None:
            raise Problem(
                400,
                "no_photo",
                "send a photo: an image/* body, or the field 'image' of a form",
            )
        return upload.photo

    def _kept(self, result_id: str) -> Kept:
        kept = self._store.get(result_id)
        if kept is None:
            raise _gone()
        return kept

    # ----------------------------------------------------------------------------------- answers

    def _refuse_if_full(self) -> None:
        if self._pool.is_full:
            refuse_busy(self._retry_seconds(), "all workers are busy and the queue is full")

    def _retry_seconds(self) -> float:
        """About how long the queue takes now."""
        figures = self._pool.figures()
        waiting = (figures.queued + figures.busy) * figures.work_seconds / figures.workers
        return min(max(1.0, waiting), _LONGEST_RETRY_SECONDS)

    async def _answer(self, request: Request, work: WorkRequest, *, keep: bool) -> Response:
        """Let a worker do it, and send what it made."""
        delivered = await self._work(request.receive, work)
        answer = delivered.answer
        self._share(request).take(len(answer.body))
        self._metrics.worked(delivered)
        headers = {
            "Content-Disposition": _disposition(answer.filename),
            "Server-Timing": _timing(delivered),
        }
        if keep:
            result_id = self._store.add(Kept(work.photo, answer.document, work.name))
            headers |= {"Location": f"/results/{result_id}", "M2FP-Result": result_id}
        return Response(answer.body, media_type=work.asked.media_type, headers=headers)

    async def _work(self, receive: Receive, work: WorkRequest) -> Delivered:
        try:
            future = asyncio.wrap_future(self._pool.submit(work))
        except PoolFullError:
            refuse_busy(self._retry_seconds(), "all workers are busy and the queue is full")
        except PoolClosedError:
            raise _closing() from None
        gone: asyncio.Future[None] = asyncio.ensure_future(_until_gone(receive))
        try:
            both: set[asyncio.Future[Any]] = {future, gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise ClientGoneError
            return future.result()
        except ImageError as error:
            raise photo_problem(error) from None
        except UsageError as error:
            raise Problem(400, "bad_parameter", str(error)) from None
        except PoolClosedError:
            raise _closing() from None
        finally:
            gone.cancel()
            future.cancel()  # drops what still waits; what is worked on goes on


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def safe_name(filename: str) -> str:
    r"""What the files of an answer are called: the client's name without anything of a path.

    >>> safe_name("C:\\photos\\..\\Family 1.JPG")
    'Family 1'
    """
    last = PurePosixPath(PureWindowsPath(filename).name).name
    stem = unicodedata.normalize("NFC", last.rpartition(".")[0] or last)
    kept = "".join(c for c in stem if c.isalnum() or c in " -_.")
    return kept.strip(" .")[:_NAME_LENGTH].strip(" .") or "photo"


def _disposition(filename: str) -> str:
    plain = filename.encode("ascii", "replace").decode().replace("?", "_")
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"


def _timing(delivered: Delivered) -> str:
    seconds = {"wait": delivered.waited_seconds, **delivered.answer.seconds}
    return ", ".join(f"{name};dur={1000 * value:.1f}" for name, value in seconds.items())


def _check_worn(worn: tuple[Worn, ...]) -> None:
    if not worn:
        raise Problem(400, "nothing_to_wear", "name something to wear, such as hat=fedora")
    if len(worn) > bounds.ITEMS:
        raise _bad_form(f"more than {bounds.ITEMS} things to wear")
    places = [(one.kind, one.person) for one in worn]
    if len(set(places)) < len(places):
        raise _bad_form("the same kind is given twice for the same person")


def _declared(request: Request) -> int | None:
    """``Content-Length``, which the HTTP layer has checked."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() else None


def _bad_form(sentence: str) -> Problem:
    return Problem(400, "bad_form", sentence)


def _too_many_pictures() -> Problem:
    return Problem(
        413,
        "too_large",
        f"at most {bounds.PICTURES} pictures to wear are taken at once, with "
        f"{bounds.PICTURE_PIXELS / 1e6:g} megapixels together",
    )


def _gone() -> Problem:
    return Problem(404, "no_result", "this result is not kept any more; parse the photo again")


def _closing() -> Problem:
    return Problem(503, "closing", "the service is shutting down", {"Retry-After": "10"})
