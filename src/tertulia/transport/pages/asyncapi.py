"""`/asyncapi` and `/asyncapi.json`: the sockets, described for programs and for people. The page is made here, of the
document itself, and needs no script."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse

from tertulia.protocol.asyncapi import Channel, document
from tertulia.transport.pages import render

Schema = Mapping[str, Any]


def install(app: FastAPI, channels: Sequence[Channel]) -> None:
    """Adds both to *app*. What they say is made once."""
    described = document(channels, version=app.version)
    shown = "\n".join(_page(described))

    async def asyncapi_json(request: Request) -> JSONResponse:
        return JSONResponse({**described, "servers": {"here": _server(request)}})

    async def asyncapi(request: Request) -> HTMLResponse:
        return render("asyncapi.html", request, app.version, content=shown)

    app.add_api_route("/asyncapi.json", asyncapi_json, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/asyncapi", asyncapi, methods=["GET", "HEAD"], include_in_schema=False)


def _server(request: Request) -> dict[str, str]:
    secure = request.url.scheme in ("https", "wss")
    server = {"host": request.url.netloc, "protocol": "wss" if secure else "ws"}
    root = str(request.scope.get("root_path", "")).rstrip("/")
    return server | ({"pathname": root} if root else {})


def _page(described: Schema) -> Iterator[str]:
    channels = described["channels"]
    yield "<nav>"
    for key, channel in channels.items():
        yield (
            f'<a href="asyncapi#{escape(key)}"><strong>{escape(channel["address"])}</strong>'
            f"<span>{escape(_title(channel))}</span></a>"
        )
    yield "</nav>"
    for key, channel in channels.items():
        yield from _channel(described, key, channel)
    yield '<h2 id="schemas">Types</h2>'
    for name, schema in described["components"]["schemas"].items():
        yield f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield from _type(schema)
        yield "</details>"


def _title(channel: Schema) -> str:
    wanted = channel["bindings"]["ws"].get("headers", {}).get("properties", {}).get("Sec-WebSocket-Protocol")
    return f"{channel['summary']}, subprotocol {wanted['const']}" if wanted else str(channel["summary"])


def _channel(described: Schema, key: str, channel: Schema) -> Iterator[str]:
    messages = described["components"]["messages"]
    yield f'<section><h2 id="{escape(key)}"><code>{escape(channel["address"])}</code></h2>'
    yield f"<p>{escape(_title(channel))}</p>"
    for side, words in (("client", "Clients say"), ("server", "The server says")):
        yield f"<h3>{words}</h3>"
        for name, reference in channel["messages"].items():
            if name.startswith(f"{side}."):
                yield from _message(messages[reference["$ref"].rpartition("/")[2]])
    yield "</section>"


def _message(message: Schema) -> Iterator[str]:
    yield f"<details><summary><code>{escape(message['name'])}</code> {_prose(message['summary'])}</summary>"
    for example in message.get("examples", ()):
        yield f"<pre>{escape(json.dumps(example['payload'], ensure_ascii=False, indent=2))}</pre>"
    yield f"<p>Type: {_words(message['payload'])}</p></details>"


def _type(schema: Schema) -> Iterator[str]:
    if "description" in schema:
        yield f"<p>{_prose(schema['description'])}</p>"
    required = set(schema.get("required", ()))
    if schema.get("properties"):
        yield "<table><tr><th>field</th><th>type</th><th></th></tr>"
        for name, field in schema["properties"].items():
            need = "" if name in required else "optional"
            yield f"<tr><td><code>{escape(name)}</code></td><td>{_words(field)}</td><td>{need}</td></tr>"
        yield "</table>"
    elif "properties" not in schema:
        yield f"<p>{_words(schema)}</p>"


def _prose(text: str) -> str:
    """As HTML, with `code` and *names* as docstrings write them."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"(?<!\w)\*([\w, ]+)\*(?!\w)", r"<em>\1</em>", marked)


def _words(schema: Schema) -> str:
    """A type in a few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="asyncapi#schema-{name}">{name.rpartition(".")[2]}</a>'
    if "anyOf" in schema:
        return " or ".join(_words(one) for one in schema["anyOf"])
    for constant in ("enum", "const"):
        if constant in schema:
            values = schema[constant] if constant == "enum" else [schema[constant]]
            return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    kind = schema.get("type")
    if "prefixItems" in schema:
        return f"[{', '.join(_words(one) for one in schema['prefixItems'])}]"
    if kind == "array":
        return f"list of {_words(schema.get('items', {}))}"
    if kind is None:
        return "anything"
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS if key in schema]
    return escape(str(kind)) + (f" ({escape(', '.join(bounds))})" if bounds else "")


_BOUNDS = (
    ("minimum", "from"),
    ("maximum", "to"),
    ("minLength", "at least"),
    ("maxLength", "at most"),
)
