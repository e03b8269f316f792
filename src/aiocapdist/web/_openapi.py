"""The description at ``/openapi.json``: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from ..models import CapitalDistribution, CapitalFlow, Market, Period

_REFERENCE = "#/components/schemas/{model}"
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
_CODE = {
    "name": "code",
    "in": "path",
    "required": True,
    "description": "A market, a dot and a code, such as HK.00700 or US.AAPL.",
    "schema": {"type": "string"},
}


def description(version: str, *, with_token: bool) -> dict[str, Any]:
    """Return the description of all paths."""
    paths = {
        "/v1/capital-distribution/{code}": _get(
            "Inflow and outflow of one security by size of order, in today's session.",
            _json(_ref("CapitalDistribution")),
            [_CODE, _MAX_AGE, _MAX_WAIT],
        ),
        "/v1/capital-distributions": _get(
            "The same of many securities, in the order asked for; failures are in the list.",
            _json({"type": "array", "items": {"anyOf": [_ref("CapitalDistribution"), _FAILED]}}),
            [
                _query("codes", _CODES),
                _MAX_AGE,
                _MAX_WAIT,
            ],
        ),
        "/v1/capital-flow/{code}": _get(
            "Net amounts of one security over time. Intraday points are cumulative.",
            _json(_ref("CapitalFlow")),
            [
                _CODE,
                _query(
                    "period", "What one point covers.", enum=[one.name.lower() for one in Period]
                ),
                _query("start", "First day, as YYYY-MM-DD; not for intraday."),
                _query("end", "Last day, as YYYY-MM-DD; not for intraday."),
                _MAX_WAIT,
            ],
        ),
        "/v1/curves": _get(
            "Net of super and big orders of each watched code over the day: "
            "lists of Unix time and amount.",
            _json({"type": "object", "additionalProperties": {"type": "array"}}),
        ),
        "/v1/watch": _get(
            "Server-sent events: first the figures of each watched code, then changes.",
            {"text/event-stream": {"schema": {"type": "string"}}},
            [
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "The id of the last event received: only later ones are sent.",
                    "schema": {"type": "string"},
                }
            ],
        ),
        "/v1/status": _get("State of connection, quota and watch.", _json({"type": "object"})),
        "/metrics": _get("Metrics in Prometheus' text format.", _text()),
        "/healthz": _get("Whether the process lives.", _text(), is_open=True),
        "/readyz": _get("Whether OpenD is connected: 503 if not.", _text(), is_open=True),
        "/v1/session": {"post": _SIGN_IN, "delete": _SIGN_OUT},
    }
    result: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "aiocapdist",
            "version": version,
            "description": "Capital distribution from Futu/moomoo OpenD, over one connection.",
        },
        "paths": paths,
        "components": {"schemas": _schemas()},
    }
    if with_token:
        result["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        result["security"] = [{"token": []}]
    return result


_CODES = "Codes with commas between; by default those that are watched."
_FAILED = {"$ref": _REFERENCE.format(model="Error")}
_SIGN_IN = {
    "summary": "Give a browser a cookie for the token.",
    "security": [],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"token": {"type": "string"}},
                    "required": ["token"],
                }
            }
        },
    },
    "responses": {
        "204": {"description": "The cookie is set."},
        "401": {"description": _ERRORS["401"]},
    },
}
_SIGN_OUT = {
    "summary": "Take the cookie away.",
    "security": [],
    "responses": {"204": {"description": "The cookie is gone."}},
}


def _get(
    summary: str,
    content: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    *,
    is_open: bool = False,
) -> dict[str, Any]:
    errors = {
        status: {"description": text, "content": _json(_FAILED)} for status, text in _ERRORS.items()
    }
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": "OK", "content": content}, **errors},
    }
    if parameters:
        operation["parameters"] = parameters
    if is_open:
        operation["responses"] = {
            "200": {"description": "OK", "content": content},
            "503": {"description": _ERRORS["503"], "content": content},
        }
        operation["security"] = []
    return {"get": operation}


def _query(name: str, text: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": text,
        "schema": {"type": "string", **schema},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _text() -> dict[str, Any]:
    return {"text/plain": {"schema": {"type": "string"}}}


_PERIODS = [one.name.lower() for one in Period]
_AGE = "An answer that came within this many seconds will do."
_WAIT = "Seconds to wait for the quota at most."
_MAX_AGE = _query("max_age", _AGE, type="number", minimum=0, default=0)
_MAX_WAIT = _query("max_wait", _WAIT, type="number", minimum=0, default=10)


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=name)}


def _schemas() -> dict[str, Any]:
    """Return the models' schemas, with markets and periods by name as they are sent."""
    found: dict[str, Any] = {}
    for model in (CapitalDistribution, CapitalFlow):
        schema = model.model_json_schema(mode="serialization", ref_template=_REFERENCE)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    found["Market"] = {"type": "string", "enum": [one.name for one in Market]}
    found["Period"] = {"type": "string", "enum": [one.name for one in Period]}
    text = {"type": "string"}
    found["Error"] = {
        "type": "object",
        "properties": {
            "code": text,
            "error": {
                "type": "object",
                "properties": {"type": text, "message": text},
                "required": ["type", "message"],
            },
        },
        "required": ["error"],
    }
    return found
