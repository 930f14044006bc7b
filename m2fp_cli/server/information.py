"""The paths that need no photo: what the service knows, and how it is."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from m2fp_cli.server.messages import Introduced, Wardrobe
from m2fp_cli.server.metrics import MEDIA_TYPE, Metrics
from m2fp_cli.server.pool import ServicePool
from m2fp_cli.server.problem import Problem
from m2fp_cli.tryon.kinds import COLORED_KINDS, KIND_NAMES
from m2fp_cli.version import __version__

_ANSWER_SECONDS = 2.0  # for a worker to say that it is there
_DAY_SECONDS = 86_400
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


@dataclass(frozen=True)
class ModelFacts:
    """What ``/version`` says of the model.

    Attributes:
        name: as the operator gave it.
        weights_sha256: digest of its weights.
        precision: number format of the network.
    """

    name: str
    weights_sha256: str
    precision: str


class InformationRoutes:
    """The handlers of the paths that need no photo."""

    def __init__(self, pool: ServicePool, metrics: Metrics, model: ModelFacts) -> None:
        """Tell of a pool and its model."""
        self._pool, self._metrics, self._model = pool, metrics, model

    async def labels(self, request: Request) -> Response:
        """``GET /labels``."""
        card = self._card()
        labels = [
            {"id": number, "name": name, "color": _hex(card.label_colors[number])}
            for number, name in enumerate(card.labels)
        ]
        people = [_hex(color) for color in card.people_colors]
        document = {"labels": labels, "human_id": card.human_id, "people_colors": people}
        return JSONResponse(document)

    async def accessories(self, request: Request) -> Response:
        """``GET /accessories``."""
        found = [
            {
                "name": one.name,
                "kind": one.kind,
                "thumbnail": f"/accessories/{one.name}.webp",
                "is_fabric": one.is_fabric,
            }
            for one in self._wardrobe().accessories
        ]
        names = [
            {"kind": one.kind, "name": one.name, "color": one.color or None}
            for one in self._wardrobe().names
        ]
        document = {
            "kinds": list(KIND_NAMES),
            "colored_kinds": list(COLORED_KINDS),
            "accessories": found,
            "names": names,
        }
        return JSONResponse(document)

    async def thumbnail(self, request: Request) -> Response:
        """``GET /accessories/{name}.webp``: looked up in a list, never in a folder."""
        name = request.path_params["name"]
        for one in self._wardrobe().accessories:
            if one.name == name:
                headers = {"Cache-Control": f"public, max-age={_DAY_SECONDS}"}
                return Response(one.thumbnail, media_type="image/webp", headers=headers)
        raise HTTPException(404)

    async def version(self, request: Request) -> Response:
        """``GET /version``."""
        model = {
            "name": self._model.name,
            "weights_sha256": self._model.weights_sha256,
            "precision": self._model.precision,
        }
        return JSONResponse({"m2fp": __version__, "model": model})

    async def alive(self, request: Request) -> Response:
        """``GET /healthz``: the front answers; it asks nobody."""
        return JSONResponse({"alive": True})

    async def ready(self, request: Request) -> Response:
        """``GET /readyz``: a worker has loaded the model, knows accessories, and answers now."""
        knows_all = self._pool.card is not None and self._pool.wardrobe is not None
        is_ready = knows_all and await self._is_answered()
        now = self._pool.figures()
        document = {"ready": is_ready, "workers": now.ready, "queued": now.queued}
        return JSONResponse(document, 200 if is_ready else 503)

    async def metrics(self, request: Request) -> Response:
        """``GET /metrics``."""
        return Response(self._metrics.render(), headers={"Content-Type": MEDIA_TYPE})

    async def _is_answered(self) -> bool:
        answered = asyncio.wrap_future(self._pool.ask())
        try:
            await asyncio.wait_for(answered, _ANSWER_SECONDS)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            return False
        return True

    def _card(self) -> Introduced:
        """What the first worker said.

        Raises:
            Problem: 503, there is none yet.
        """
        if self._pool.card is None:
            raise _starting()
        return self._pool.card

    def _wardrobe(self) -> Wardrobe:
        """What a worker has shown.

        Raises:
            Problem: 503, nothing yet.
        """
        if self._pool.wardrobe is None:
            raise _starting()
        return self._pool.wardrobe


def _starting() -> Problem:
    return Problem(503, "starting", "the model is being loaded", {"Retry-After": "2"})


class PageRoutes:
    """The page and the documents that never change; all in memory, so that no path is looked up."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Serve some files.

        Args:
            files: by path of the address.
        """
        self._answers = {
            path: (data, _MEDIA_TYPES[Path(path).suffix or ".html"], _etag(data))
            for path, data in files.items()
        }

    async def file(self, request: Request) -> Response:
        """``GET`` of one file."""
        found = self._answers.get(request.scope["path"])
        if found is None:
            raise HTTPException(404)
        data, media_type, etag = found
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Content-Type": media_type}
        if _is_known(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers)


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def _is_known(etag: str, header: str) -> bool:
    """Whether ``If-None-Match`` has an ETag; a proxy that compresses makes it a weak one."""
    return etag in (one.strip().removeprefix("W/") for one in header.split(","))


def _hex(color: tuple[int, ...]) -> str:
    return "#" + "".join(f"{value:02x}" for value in color)
