"""Frames, held against `/asyncapi.json`: whatever a test sends or sees must be what the server says of itself."""

from typing import Any

import httpx2
import jsonschema_rs

_documents: dict[str, dict[str, Any]] = {}
_validators: dict[tuple[str, str, str], Any] = {}


def check(base: str, channel: str, side: str, frame: Any) -> None:
    """*channel*: the title of the description's channel; *side*: `client` or `server`, who says it."""
    key = base, channel, side
    if key not in _validators:
        _validators[key] = jsonschema_rs.validator_for(_schema(_document(base), channel, side))
    errors = [f"{error.instance_path}: {error.message}" for error in _validators[key].iter_errors(frame)]
    assert not errors, f"{side} said on {channel} what /asyncapi.json does not know: {frame}\n" + "\n".join(errors)


def _document(base: str) -> dict[str, Any]:
    if base not in _documents:
        _documents[base] = httpx2.get(f"{base}/asyncapi.json").raise_for_status().json()
    return _documents[base]


def _schema(document: dict[str, Any], channel: str, side: str) -> dict[str, Any]:
    """Any of the frames. What the server says has no field that is not described, either."""
    found = next(one for one in document["channels"].values() if one["title"] == channel)
    messages = [
        document["components"]["messages"][reference["$ref"].rpartition("/")[2]]["payload"]
        for name, reference in found["messages"].items()
        if name.startswith(f"{side}.")
    ]
    if not messages:  # another test says that no channel is so
        return {}
    components = {"schemas": document["components"]["schemas"]}
    return {"anyOf": messages, "components": _closed(components) if side == "server" else components}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
