"""The answers of ``/openapi.json``: documents, headers and refusals."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.views import JSON, View

BINARY = {"type": "string", "format": "binary"}


def view_content(views: tuple[View, ...], *documents: str) -> dict[str, Any]:
    """Media types of some views; JSON is one of the named schemas."""
    types = dict.fromkeys(one for view in views for one in view.media_types)
    document = {"anyOf": [reference(name) for name in documents]}
    return {one: {"schema": document if one == JSON else BINARY} for one in types}


def kept_headers() -> dict[str, Any]:
    """Headers of an answer about a photo."""
    text = {"schema": {"type": "string"}}
    return {
        "M2FP-Result": {"description": "id of the result, if it is a new one", **text},
        "Location": {"description": "where other views of it are", **text},
        "Server-Timing": {"description": "milliseconds per stage", **text},
    }


def refusals(*statuses: str) -> dict[str, Any]:
    """References to the answers of these statuses."""
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def describe_problems(limits: ServiceLimits) -> dict[str, Any]:
    """The answers that are errors, by status."""
    sentences = {
        "400": "a parameter or the form makes no sense",
        "401": "the token is missing or wrong",
        "403": "a page of another origin that the service does not name",
        "404": "there is no such result, or not any more",
        "406": "nothing fits Accept",
        "408": "the upload came too slowly",
        "413": "too many bytes or pixels",
        "415": "not a photo of a known format",
        "421": "the service is not known by this host name",
        "422": "a damaged photo",
        "429": "all workers are busy and the queue is full; see Retry-After",
        "500": "the service failed, or its worker died over the photo",
        "503": "starting, shutting down, too many connections, or no worker was free for "
        f"{limits.photo_seconds:g} s; see Retry-After",
        "504": f"the photo took longer than {limits.photo_seconds:g} s",
    }
    later = {"schema": {"type": "integer"}, "description": "seconds"}
    content = {JSON: {"schema": reference("Problem")}}
    return {
        status: {
            "description": sentence,
            "content": content,
            **({"headers": {"Retry-After": later}} if status in ("429", "503") else {}),
        }
        for status, sentence in sentences.items()
    }


def reference(name: str) -> dict[str, Any]:
    """Reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def describe_schemas() -> dict[str, Any]:
    """The documents."""
    text, number, flag = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    color = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
    return {
        "Any": {"type": "object"},
        **_result_schemas(),
        "Preview": _preview_schema(),
        "Fitting": _fitting_schema(),
        "Problem": _object(error=text, message=text, request_id=text),
        "Alive": _object(alive=flag),
        "Ready": _object(ready=flag, workers=number, queued=number),
        "Version": _object(
            m2fp=text, model=_object(name=text, weights_sha256=text, precision=text)
        ),
        "Labels": _object(
            labels={"type": "array", "items": _object(id=number, name=text, color=color)},
            human_id={"type": ["integer", "null"]},
            people_colors={"type": "array", "items": color},
        ),
        "Accessories": _object(
            kinds={"type": "array", "items": text},
            colored_kinds={"type": "array", "items": text},
            accessories={
                "type": "array",
                "items": _object(name=text, kind=text, thumbnail=text, is_fabric=flag),
            },
            names={
                "type": "array",
                "items": _object(kind=text, name=text, color={"type": ["string", "null"]}),
            },
        ),
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _result_schemas() -> dict[str, Any]:
    """The schema of a result that the package ships, and those that it is made of.

    Each has a name of its own: programs that make clients follow no reference into a schema.
    """
    text = (files("m2fp_cli") / "schemas" / "result.schema.json").read_text("utf-8")
    parts = json.loads(text)["$defs"]
    for name in parts:
        text = text.replace(f'"#/$defs/{name}"', f'"#/components/schemas/{_part_name(name)}"')
    schema: dict[str, Any] = json.loads(text)
    schema.pop("$id", None)
    parts = schema.pop("$defs")
    return {"Result": schema, **{_part_name(name): part for name, part in parts.items()}}


def _part_name(name: str) -> str:
    return f"Result{name.capitalize()}"


def _preview_schema() -> dict[str, Any]:
    text, numbers = {"type": "string"}, {"type": "array", "items": {"type": "number"}}
    person = _object(
        id={"type": "integer"},
        score={"type": "number"},
        parts={"type": "array", "description": "label id, score", "items": numbers},
    )
    return _object(
        labels={"type": "array", "items": text},
        label_ids=numbers,
        people={"type": "array", "items": person},
        hw=numbers,
        thumbnail=text,
        photo=text,
        ids={**text, "description": "PNG: red = label, green + 256 blue = person"},
        tryon=text,
    )


def _fitting_schema() -> dict[str, Any]:
    item = {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}
    person = {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "head": {"type": ["object", "null"]},
            "no_head": {"type": ["string", "null"]},
            "items": {"type": "array", "items": item},
        },
        "required": ["id", "head", "no_head", "items"],
    }
    return {
        "type": "object",
        "properties": {
            "format_version": {"type": "string"},
            "source": {"type": "string"},
            "changed": {
                "type": ["array", "null"],
                "items": {"type": "integer"},
                "minItems": 4,
                "maxItems": 4,
                "description": "box of the pixels that changed: left, top, right, bottom",
            },
            "people": {"type": "array", "items": person},
            "picture": {"type": "string", "description": "as=preview: a WebP as a data URI"},
        },
        "required": ["format_version", "source", "changed", "people"],
        "additionalProperties": False,
    }
