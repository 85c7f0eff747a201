"""`/asyncapi.json`: every socket of every dialect, with what is really said there. Frames of all other black-box tests are
held against it by their drivers (`frames.py`)."""

import json
import re
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from dialects import DRIVERS

SOCKETS = {
    "/api/v1/ws",
    "/api/v1/ws/{room_id}",
    "/ws",
    "/ws/auth",
    "/ws/room/{room_id}",
    "/ws/echo",
    "/ws/{user_id}",
    "/api/chat/ws/{conversation_id}",
}


@pytest.fixture(scope="module")
def document(server):
    return httpx2.get(f"{server.url}/asyncapi.json").raise_for_status().json()


def find(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def messages(document: dict[str, Any], channel: dict[str, Any]) -> dict[str, Any]:
    return {name: find(document, one["$ref"]) for name, one in channel["messages"].items()}


def test_every_socket_is_described_and_speaks_and_listens(document):
    assert {channel["address"] for channel in document["channels"].values()} == SOCKETS
    for key, channel in document["channels"].items():
        assert {name.split(".")[0] for name in channel["messages"]} == {"client", "server"}, key
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", ()))


def test_every_dialect_that_the_tests_speak_is_a_channel(document):
    assert {driver.dialect for driver in DRIVERS} <= {channel["title"] for channel in document["channels"].values()}


def test_every_reference_leads_somewhere(document):
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))

    assert references
    for reference in references:
        assert find(document, reference), reference


def test_names_are_such_as_the_specification_allows(document):
    names = [*document["channels"], *document["operations"]]
    names += [name for kind in document["components"].values() for name in kind]

    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9_.\-]+", name)] == []
    assert "_locals_" not in json.dumps(document), "two types of one dialect have one name"


def test_every_frame_has_an_example_that_it_allows(document):
    for key, channel in document["channels"].items():
        for name, message in messages(document, channel).items():
            assert message["summary"], (key, name)
            schema = {**message["payload"], "components": document["components"]}
            if channel["address"] != "/ws/echo":
                assert message["examples"], (key, name)
            for example in message.get("examples", ()):
                errors = [
                    error.message for error in jsonschema_rs.validator_for(schema).iter_errors(example["payload"])
                ]
                assert errors == [], (key, name, example)


def test_it_says_where_it_is_served(server, document):
    assert document["servers"]["here"] == {"host": f"127.0.0.1:{server.port}", "protocol": "ws"}


def test_the_page_shows_every_socket_and_every_frame(server, document):
    page = httpx2.get(f"{server.url}/asyncapi").raise_for_status().text

    for key, channel in document["channels"].items():
        assert f'id="{key}"' in page
        for message in messages(document, channel).values():
            assert f"<code>{message['name']}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
