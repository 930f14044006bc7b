"""``/openapi.json``: the API as a document for programs, held to the truth by a test."""

from __future__ import annotations

from typing import Any

from m2fp_cli.server.limits import MEBI, ServiceLimits
from m2fp_cli.server.openapi_answers import (
    BINARY,
    describe_problems,
    describe_schemas,
    kept_headers,
    reference,
    refusals,
    view_content,
)
from m2fp_cli.server.receiving import PHOTO_FIELDS
from m2fp_cli.server.views import JSON, PARSE_VIEWS, TRYON_VIEWS, WEBP, View
from m2fp_cli.tryon.kinds import COLORED_KINDS, KINDS
from m2fp_cli.version import __version__

_GUARDED = ("403", "421")  # what the guard answers on every path, with 503 for crowds
_ACCESSORY_TYPES = "image/png, image/webp, image/jpeg"


def describe_api(limits: ServiceLimits) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this service."""
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "m2fp",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "People in photos: their body parts and garments, and accessories on "
            "them. No parameter takes an address or a file's path.",
        },
        "security": [{}, {"token": []}],
        "paths": {
            "/parse": {"post": _parse(limits)},
            "/tryon": {"post": _tryon(limits)},
            "/results/{id}": {"get": _result(), "delete": _forget()},
            "/accessories": {"get": _get("What can be tried on", "Accessories", starts=True)},
            "/accessories/{name}.webp": {"get": _thumbnail()},
            "/labels": {"get": _get("Labels and their colors", "Labels", starts=True)},
            "/version": {"get": _get("Versions of program and model", "Version", is_open=True)},
            "/healthz": {"get": _get("The front is alive", "Alive", is_open=True)},
            "/readyz": {"get": _ready()},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _get("This document", "Any", is_open=True)},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": describe_problems(limits),
            "schemas": describe_schemas(),
        },
    }
    for path, methods in description["paths"].items():
        everywhere = refusals(*_GUARDED, *(() if path == "/healthz" else ("503",)))
        for operation in methods.values():
            operation["responses"] = dict(sorted((everywhere | operation["responses"]).items()))
    return description


# ---------------------------------------------------------------------------------- operations


def _parse(limits: ServiceLimits) -> dict[str, Any]:
    return {
        "operationId": "parse",
        "summary": "Find people, body parts and garments in a photo",
        "description": "The answer's form comes from `as`, else from `Accept`: application/json, "
        "image/png (label map), image/jpeg (color map), image/webp (overlay), application/zip. "
        "The photo and its result are kept in memory for some minutes under the id in "
        "`M2FP-Result`; nothing is written to disk.",
        "parameters": [_as(PARSE_VIEWS), *_showing(), _min_score()],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": _photo_fields(limits),
                        "additionalProperties": False,
                        # One of them. Clients that are made from a oneOf send no file at all.
                        "minProperties": 1,
                        "maxProperties": 1,
                    }
                },
                "image/*": {"schema": _photo(limits)},
            },
        },
        "responses": {
            "200": {
                "description": "the view that was asked for",
                "headers": kept_headers(),
                "content": view_content(PARSE_VIEWS, "Result", "Preview"),
            },
            **refusals("400", "401", "406", "408", "413", "415", "422", "429", "500", "503", "504"),
        },
    }


def _tryon(limits: ServiceLimits) -> dict[str, Any]:
    return {
        "operationId": "tryon",
        "summary": "Let people in a photo wear accessories",
        "description": "The photo is uploaded, or is that of an earlier result (`result`). What is "
        f"worn is a name of /accessories, a color for {', '.join(COLORED_KINDS)}, or an uploaded "
        f"picture with transparency ({_ACCESSORY_TYPES}) as a field of the form. `hat` is for all "
        "who are meant by `people`, `hat.2` for person 2 alone.",
        "parameters": _tryon_parameters(),
        "requestBody": {
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": _tryon_fields(limits),
                        "not": {"required": list(PHOTO_FIELDS)},
                    },
                },
                "image/*": {"schema": _photo(limits)},
            },
        },
        "responses": {
            "200": {
                "description": "the view that was asked for",
                "headers": kept_headers(),
                "content": view_content(TRYON_VIEWS, "Fitting"),
            },
            **refusals(
                *("400", "401", "404", "406", "408", "413", "415", "422", "429", "500", "503"),
                "504",
            ),
        },
    }


def _tryon_parameters() -> list[dict[str, Any]]:
    """Without defaults, which clients would send: in the address and once more in the form."""
    return [_as(TRYON_VIEWS), _people(), _earlier_result(), _min_score(), *_worn()]


def _tryon_fields(limits: ServiceLimits) -> dict[str, Any]:
    """Fields of the form; a picture to wear goes under the name of its kind, too."""
    texts = {one["name"]: one["schema"] for one in _tryon_parameters()}
    kinds = {kind.name: {"anyOf": [{"type": "string"}, BINARY]} for kind in KINDS}
    return {**_photo_fields(limits), **texts, **kinds}


def _photo_fields(limits: ServiceLimits) -> dict[str, Any]:
    """The fields under which a form may send the photo, one of them at a time."""
    return {name: _photo(limits) for name in PHOTO_FIELDS}


def _result() -> dict[str, Any]:
    return {
        "operationId": "result",
        "summary": "Another view of a photo that was parsed",
        "parameters": [_result_id(), _as(PARSE_VIEWS), *_showing()],
        "responses": {
            "200": {
                "description": "the view that was asked for",
                "content": view_content(PARSE_VIEWS, "Result", "Preview"),
            },
            **refusals("400", "401", "404", "406", "429", "500", "503", "504"),
        },
    }


def _forget() -> dict[str, Any]:
    return {
        "operationId": "forget",
        "summary": "Forget a photo and its result now",
        "parameters": [_result_id()],
        "responses": {"204": {"description": "forgotten"}, **refusals("401", "404")},
    }


def _thumbnail() -> dict[str, Any]:
    return {
        "operationId": "thumbnail",
        "summary": "Small picture of an accessory",
        "security": [{}],
        "parameters": [
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "responses": {
            "200": {
                "description": "WebP with transparency",
                "content": {WEBP: {"schema": BINARY}},
            },
            **refusals("404", "503"),
        },
    }


def _ready() -> dict[str, Any]:
    content = {JSON: {"schema": reference("Ready")}}
    return {
        "operationId": "readyz",
        "summary": "A worker has loaded the model and answers now",
        "security": [{}],
        "responses": {
            "200": {"description": "ready", "content": content},
            "503": {
                "description": "not ready, or too many connections",
                "content": {
                    JSON: {"schema": {"anyOf": [reference("Ready"), reference("Problem")]}}
                },
            },
        },
    }


def _metrics() -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "operationId": "metrics",
        "summary": "Numbers for Prometheus",
        "responses": {
            "200": {
                "description": "Prometheus' text format",
                "content": {"text/plain": {"schema": schema}},
            },
            **refusals("401"),
        },
    }


def _get(
    summary: str, schema: str, *, is_open: bool = False, starts: bool = False
) -> dict[str, Any]:
    statuses = (() if is_open else ("401",)) + (("503",) if starts else ())
    operation: dict[str, Any] = {
        "operationId": schema.lower(),
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": {JSON: {"schema": reference(schema)}}},
            **refusals(*statuses),
        },
    }
    return {**operation, "security": [{}]} if is_open else operation


# ---------------------------------------------------------------------------------- parameters


def _as(views: tuple[View, ...]) -> dict[str, Any]:
    listed = "; ".join(f"{view.name}: {view.help}" for view in views)
    schema = {"type": "string", "enum": [view.name for view in views]}
    return {"name": "as", "in": "query", "description": listed, "schema": schema}


def _showing() -> list[dict[str, Any]]:
    return [
        {
            "name": "labels",
            "in": "query",
            "description": "show these labels only, such as hair,face; see /labels",
            "schema": {"type": "string", "pattern": "[^, ]"},
        },
        {
            "name": "by",
            "in": "query",
            "description": "what a color stands for, in colors and overlay",
            "schema": {"type": "string", "enum": ["label", "person"], "default": "label"},
        },
    ]


def _people() -> dict[str, Any]:
    return {
        "name": "people",
        "in": "query",
        "description": "all, largest, or ids with commas between them; all if it is not given",
        "schema": {"type": "string"},
    }


def _earlier_result() -> dict[str, Any]:
    return {
        "name": "result",
        "in": "query",
        "description": "id of an earlier result, in place of a photo",
        "schema": {"type": "string"},
    }


def _worn() -> list[dict[str, Any]]:
    """A parameter for each kind of accessory."""
    return [
        {
            "name": kind.name,
            "in": "query",
            "description": kind.help.replace(" from `m2fp accessories list`", " of /accessories"),
            "schema": {"type": "string", "maxLength": 256},
        }
        for kind in KINDS
    ]


def _min_score() -> dict[str, Any]:
    return {
        "name": "min_score",
        "in": "query",
        "description": "lowest score of a person or part that is reported; 0.1 if it is not given",
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
    }


def _result_id() -> dict[str, Any]:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "as in the header M2FP-Result",
        "schema": {"type": "string"},
    }


def _photo(limits: ServiceLimits) -> dict[str, Any]:
    most = f"{limits.upload_bytes / MEBI:.4g} MiB and {limits.pixels / 1e6:.4g} megapixels"
    return {
        **BINARY,
        "description": "JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF, and HEIC where pillow-heif is "
        f"installed; at most {most}",
    }
