"""The application: which path goes where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from m2fp_cli.server.access import Access
from m2fp_cli.server.documentation import render_documentation
from m2fp_cli.server.guard import Guard, Watcher
from m2fp_cli.server.information import InformationRoutes, ModelFacts, PageRoutes
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.metrics import Metrics
from m2fp_cli.server.openapi import describe_api
from m2fp_cli.server.photos import PhotoRoutes
from m2fp_cli.server.pool import ServicePool
from m2fp_cli.server.store import ResultStore


@dataclass(frozen=True)
class ServiceParts:
    """What the application is made of.

    Attributes:
        pool: the workers; started by the caller.
        limits: what is put up with.
        access: who may ask.
        model: what parses.
    """

    pool: ServicePool
    limits: ServiceLimits
    access: Access
    model: ModelFacts


def build_app(parts: ServiceParts, watchers: Iterable[Watcher] = ()) -> ASGIApp:
    """The whole application.

    Args:
        parts: what it is made of.
        watchers: told of every request, beside the metrics.
    """
    metrics, store = Metrics(), ResultStore(parts.limits)
    photos = PhotoRoutes(parts.pool, store, parts.limits, metrics)
    metrics.watch_pool(parts.pool.figures)
    metrics.watch("m2fp_results_kept", "Results kept in memory.", lambda: len(store))
    metrics.watch("m2fp_results_bytes", "Bytes of the results kept.", lambda: store.bytes)
    budget = photos.budget
    metrics.watch("m2fp_body_bytes", "Bytes of uploads and answers.", lambda: budget.used_bytes)
    about = InformationRoutes(parts.pool, metrics, parts.model)
    page = PageRoutes(page_files(parts.limits))
    routes = [
        _NamedRoute("/", page.file),
        _NamedRoute("/page/{file}", page.file),
        _NamedRoute("/docs", page.file),
        _NamedRoute("/openapi.json", page.file),
        _NamedRoute("/parse", photos.parse, methods=["POST"]),
        _NamedRoute("/tryon", photos.tryon, methods=["POST"]),
        _NamedRoute("/results/{result_id}", photos.result, methods=["GET", "DELETE"]),
        _NamedRoute("/accessories", about.accessories),
        _NamedRoute("/accessories/{name}.webp", about.thumbnail),
        _NamedRoute("/labels", about.labels),
        _NamedRoute("/version", about.version),
        _NamedRoute("/healthz", about.alive),
        _NamedRoute("/readyz", about.ready),
        _NamedRoute("/metrics", about.metrics),
    ]
    # The router alone: Starlette's application would answer errors before the guard can.
    router = Router(routes, redirect_slashes=False)
    return Guard(router, parts.access, (metrics, *watchers))


class _NamedRoute(Route):
    """A route that tells the exchange its template, for the metrics."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["exchange"].route = self.path
        await super().handle(scope, receive, send)


def page_files(limits: ServiceLimits) -> dict[str, bytes]:
    """Everything that never changes while the service runs, by path."""
    folder = Path(__file__).parent / "page"
    files = {f"/page/{path.name}": path.read_bytes() for path in folder.iterdir()}
    shared = Path(__file__).parents[1] / "render" / "page" / "scripts"
    files |= {f"/page/{name}.js": (shared / f"{name}.js").read_bytes() for name in VIEWER_SCRIPTS}
    description = describe_api(limits)
    files["/"] = files.pop("/page/index.html")
    files["/docs"] = render_documentation(description).encode()
    files["/openapi.json"] = json.dumps(description, indent=1).encode()
    return files


VIEWER_SCRIPTS = ("make", "picture", "probe", "people")
"""The report's viewer, shared with it; see ``render/page/scripts``."""
