"""``/parse``, ``/tryon`` and ``/results``: everything that needs a worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.server import limits as bounds
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.messages import WorkRequest, Worn
from m2fp_cli.server.metrics import Metrics
from m2fp_cli.server.parameters import Parameters
from m2fp_cli.server.pool import ServicePool
from m2fp_cli.server.problem import ClientGoneError, Problem, busy, closing, late, photo_problem
from m2fp_cli.server.receiving import Receiver, Upload, bad_form, share_of
from m2fp_cli.server.store import Kept, ResultStore
from m2fp_cli.server.views import Asked, choose_parse_view, choose_tryon_view
from m2fp_cli.server.waiting import (
    Delivered,
    PoolClosedError,
    PoolFullError,
    WaitedTooLongError,
)

_PARSE_PARAMETERS = ("as", "labels", "by", "min_score")
_RESULT_PARAMETERS = ("as", "labels", "by")
_TRYON_PARAMETERS = ("as", "people", "result", "min_score", "*")
_LONGEST_RETRY_SECONDS = 60.0
_EXPIRY_SLACK_SECONDS = 0.1  # a timer may be a tick early, and would then forget nothing


class PhotoRoutes:
    """The handlers of the paths that work on photos."""

    def __init__(
        self, pool: ServicePool, store: ResultStore, limits: ServiceLimits, metrics: Metrics
    ) -> None:
        """Handle requests with a pool of workers and a store of results."""
        self._pool, self._store, self._limits, self._metrics = pool, store, limits, metrics
        self._receiver = Receiver(limits)
        self.budget = self._receiver.budget

    async def parse(self, request: Request) -> Response:
        """``POST /parse``."""
        given = Parameters(request.query_params.multi_items(), _PARSE_PARAMETERS)
        accept = _accept(request)
        view, media_type = choose_parse_view(given.text("as"), accept)
        asked = Asked(view, media_type, given.labels(), given.by())
        lowest = given.min_score()
        async with self._uploading(request) as upload:
            if upload.texts or upload.worn:
                raise bad_form("/parse takes one photo; parameters belong in the address")
            photo = self._require_photo(upload)
            work = WorkRequest(photo, upload.name, asked, min_score=lowest)
            return await self._answer(request, work, keep=True)

    async def tryon(self, request: Request) -> Response:
        """``POST /tryon``."""
        query = request.query_params.multi_items()
        Parameters(query, _TRYON_PARAMETERS)  # before an upload is read for nothing
        async with self._uploading(request) as upload:
            given = Parameters([*query, *upload.texts], _TRYON_PARAMETERS)
            accept = _accept(request)
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
                raise bad_form("a result has its photo and its scores already")
            kept = self._kept(result_id)
            work = WorkRequest(
                kept.photo, kept.name, asked, kept.document, worn=worn, people=people
            )
            return await self._answer(request, work, keep=False)

    async def result(self, request: Request) -> Response:
        """``GET /results/{id}``: another view of a photo that was parsed; ``DELETE`` forgets it."""
        if request.method == "DELETE":
            return self._forget(request.path_params["result_id"])
        given = Parameters(request.query_params.multi_items(), _RESULT_PARAMETERS)
        view, media_type = choose_parse_view(given.text("as"), _accept(request))
        asked = Asked(view, media_type, given.labels(), given.by())
        kept = self._kept(request.path_params["result_id"])
        work = WorkRequest(kept.photo, kept.name, asked, kept.document)
        return await self._answer(request, work, keep=False)

    def _forget(self, result_id: str) -> Response:
        if not self._store.drop(result_id):
            raise _gone()
        return Response(status_code=204)

    @contextlib.asynccontextmanager
    async def _uploading(self, request: Request) -> AsyncIterator[Upload]:
        """A request's upload; refused at once where no worker could take it."""
        if self._pool.is_full:
            await self._receiver.refuse(request, self._busy())
        async with self._receiver.receiving(request) as upload:
            yield upload

    def _require_photo(self, upload: Upload) -> bytes:
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
        self._forget_in_time()
        return kept

    def _forget_in_time(self) -> None:
        """Nobody may come again, and a photo must not stay for longer than we say.

        For each use, however it ends: clients go away, and labels are mistyped.
        """
        seconds = self._limits.kept_seconds + _EXPIRY_SLACK_SECONDS
        asyncio.get_running_loop().call_later(seconds, self._store.expire)

    # ----------------------------------------------------------------------------------- answers

    def _busy(self) -> Problem:
        return busy(self._retry_seconds(), "all workers are busy and the queue is full")

    def _retry_seconds(self) -> float:
        """About how long the queue takes now."""
        figures = self._pool.figures()
        waiting = (figures.queued + figures.busy) * figures.work_seconds / figures.workers
        return min(max(1.0, waiting), _LONGEST_RETRY_SECONDS)

    async def _answer(self, request: Request, work: WorkRequest, *, keep: bool) -> Response:
        """Let a worker do it, and send what it made."""
        delivered = await self._work(request.receive, work)
        answer = delivered.answer
        share_of(request, self.budget).take(len(answer.body))
        self._metrics.worked(delivered)
        headers = {
            "Content-Disposition": _disposition(answer.filename),
            "Server-Timing": _timing(delivered),
        }
        if keep:
            result_id = self._store.add(Kept(work.photo, answer.document, work.name))
            self._forget_in_time()
            headers |= {"Location": f"/results/{result_id}", "M2FP-Result": result_id}
        return Response(answer.body, media_type=work.asked.media_type, headers=headers)

    async def _work(self, receive: Receive, work: WorkRequest) -> Delivered:
        try:
            future = asyncio.wrap_future(self._pool.submit(work))
        except PoolFullError:
            raise self._busy() from None
        except PoolClosedError:
            raise closing() from None
        gone: asyncio.Future[None] = asyncio.ensure_future(_until_gone(receive))
        try:
            both: set[asyncio.Future[Any]] = {future, gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise ClientGoneError
            return future.result()
        except WaitedTooLongError as error:
            raise late(self._retry_seconds(), f"the photo {error}; try again later") from None
        except ImageError as error:
            raise photo_problem(error) from None
        except UsageError as error:
            raise Problem(400, "bad_parameter", str(error)) from None
        except PoolClosedError:
            raise closing() from None
        finally:
            gone.cancel()
            future.cancel()  # drops what still waits; what is worked on goes on


def _accept(request: Request) -> str:
    """The header ``Accept``; some clients send a line for each type."""
    return ", ".join(request.headers.getlist("accept"))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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
        raise bad_form(f"the form names more than {bounds.ITEMS} things to wear")
    places = [(one.kind, one.person) for one in worn]
    if len(set(places)) < len(places):
        raise bad_form("the same kind is given twice for the same person")


def _gone() -> Problem:
    return Problem(404, "no_result", "this result is not kept any more; parse the photo again")
