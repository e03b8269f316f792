"""The description at ``/openapi.json``: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from ..models import CapitalDistribution, CapitalFlow, Market, Period

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_TEXT: Schema = {"type": "string"}
_FAILED = {"$ref": _REFERENCE.format(model="Error")}
_ERRORS = {
    "401": "The token is missing or wrong.",
    "403": "The request comes from a page of another origin, or from another machine.",
    "404": "OpenD does not know the security, or has no figures of its kind.",
    "422": "The code or a parameter is not valid.",
    "429": "The quota allows the call later than max_wait: see Retry-After.",
    "502": "OpenD answered with an error.",
    "503": "OpenD cannot be reached now.",
    "504": "OpenD did not reply in time.",
}


def description(version: str, *, with_token: bool) -> Schema:
    """Return the description of all paths."""
    result: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "aiocapdist",
            "version": version,
            "description": "Capital distribution from Futu/moomoo OpenD, over one connection.",
        },
        "paths": _paths(),
        "components": {"schemas": _schemas()},
    }
    if with_token:
        result["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        result["security"] = [{"token": []}]
    return result


def _paths() -> Schema:
    figures = {"$ref": _REFERENCE.format(model="CapitalDistribution")}
    flow = {"$ref": _REFERENCE.format(model="CapitalFlow")}
    text = "A market, a dot and a code, such as HK.00700 or US.AAPL."
    code = _parameter("code", text, where="path", required=True)
    text = "An answer that came within this many seconds will do."
    max_age = _parameter("max_age", text, type="number", minimum=0, default=0)
    text = "Seconds to wait for the quota at most."
    max_wait = _parameter("max_wait", text, type="number", minimum=0, default=10)
    text = "Codes with commas between; by default those that are watched."
    codes = _parameter("codes", text)
    names = [one.name.lower() for one in Period]
    period = _parameter("period", "What one point covers.", enum=names)
    start = _parameter("start", "First day, as YYYY-MM-DD; not for intraday.")
    end = _parameter("end", "Last day, as YYYY-MM-DD; not for intraday.")
    text = "The id of the last event received: only later ones are sent."
    last_id = _parameter("Last-Event-ID", text, where="header")
    return {
        "/v1/capital-distribution/{code}": _get(
            "Inflow and outflow of one security by size of order, in today's session.",
            _json(figures),
            [code, max_age, max_wait],
        ),
        "/v1/capital-distributions": _get(
            "The same of many securities, in the order asked for; failures are in the list.",
            _json({"type": "array", "items": {"anyOf": [figures, _FAILED]}}),
            [codes, max_age, max_wait],
        ),
        "/v1/capital-flow/{code}": _get(
            "Net amounts of one security over time. Intraday points are cumulative.",
            _json(flow),
            [code, period, start, end, max_wait],
        ),
        "/v1/curves": _get(
            "Net of super and big orders of each watched code over the day: "
            "lists of Unix time and amount.",
            _json({"type": "object", "additionalProperties": {"type": "array"}}),
        ),
        "/v1/watch": _get(
            "Server-sent events: first the figures of each watched code, then changes.",
            {"text/event-stream": {"schema": _TEXT}},
            [last_id],
        ),
        "/v1/status": _get("State of connection, quota and watch.", _json({"type": "object"})),
        "/metrics": _get("Metrics in Prometheus' text format.", _PLAIN),
        "/healthz": _get("Whether the process lives.", _PLAIN, errors={}),
        "/readyz": _get("Whether OpenD is connected: 503 if not.", _PLAIN, errors=_AWAY),
        "/v1/session": {"post": _SIGN_IN, "delete": _SIGN_OUT},
    }


def _get(
    summary: str,
    content: Schema,
    parameters: list[Schema] | None = None,
    *,
    errors: Schema | None = None,
) -> Schema:
    """Describe a path. Those with ``errors`` of their own are open without the token."""
    operation: Schema = {"summary": summary, "parameters": parameters or []}
    if errors is None:
        errors = {
            status: {"description": text, "content": _json(_FAILED)}
            for status, text in _ERRORS.items()
        }
    else:
        operation["security"] = []
    operation["responses"] = {"200": {"description": "OK", "content": content}, **errors}
    return {"get": operation}


def _parameter(
    name: str, text: str, *, where: str = "query", required: bool = False, **schema: Any
) -> Schema:
    about = {"name": name, "in": where, "description": text, "required": required}
    return {**about, "schema": {**_TEXT, **schema}}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


_PLAIN: Schema = {"text/plain": {"schema": _TEXT}}
_AWAY: Schema = {"503": {"description": _ERRORS["503"], "content": _PLAIN}}
_GIVEN: Schema = {"type": "object", "properties": {"token": _TEXT}, "required": ["token"]}
_SIGN_IN: Schema = {
    "summary": "Give a browser a cookie for the token.",
    "security": [],
    "requestBody": {"required": True, "content": _json(_GIVEN)},
    "responses": {
        "204": {"description": "The cookie is set."},
        "401": {"description": _ERRORS["401"]},
    },
}
_SIGN_OUT: Schema = {
    "summary": "Take the cookie away.",
    "security": [],
    "responses": {"204": {"description": "The cookie is gone."}},
}


def _schemas() -> Schema:
    """Return the models' schemas, with markets and periods by name as they are sent."""
    found: Schema = {}
    for model in (CapitalDistribution, CapitalFlow):
        schema = model.model_json_schema(mode="serialization", ref_template=_REFERENCE)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    found["Market"] = {"type": "string", "enum": [one.name for one in Market]}
    found["Period"] = {"type": "string", "enum": [one.name for one in Period]}
    kind = {"type": "object", "properties": {"type": _TEXT, "message": _TEXT}}
    error = {**kind, "required": ["type", "message"]}
    properties = {"code": _TEXT, "error": error}
    found["Error"] = {"type": "object", "properties": properties, "required": ["error"]}
    return found
