"""Hostile and broken clients: an error or the right close code for each, and the server goes on serving the others."""

import asyncio
import json

import httpx2
import pytest
import websockets

from drivers import Cafe, CafeMsgpack, CafeV1, Simple

DEEP = "[" * 20_000 + "]" * 20_000
MALFORMED = {
    "not JSON": "hello",
    "half a frame": '{"event": "ping"',
    "two frames": '{"event":"ping","data":1}{"event":"ping","data":1}',
    "empty": "",
    "an array": "[]",
    "a string": '"ping"',
    "null": "null",
    "a number": "1e999",
    "NaN": '{"event":"join_room","data":{"room_id":NaN}}',
    "no event": '{"data":{}}',
    "an event of the wrong type": '{"event":5,"data":{}}',
    "data of the wrong type": '{"event":"join_room","data":[]}',
    "no data": '{"event":"join_room"}',
    "no room": '{"event":"join_room","data":{}}',
    "a room of the wrong type": '{"event":"join_room","data":{"room_id":"1"}}',
    "a room that is true": '{"event":"join_room","data":{"room_id":true}}',
    "a room with a point": '{"event":"join_room","data":{"room_id":1.5}}',
    "room 0": '{"event":"join_room","data":{"room_id":0}}',
    "a negative room": '{"event":"join_room","data":{"room_id":-1}}',
    "a room of 2^63": '{"event":"join_room","data":{"room_id":9223372036854775808}}',
    "a room of 400 digits": '{"event":"join_room","data":{"room_id":1' + "0" * 400 + "}}",
    "a place that is infinite": '{"event":"join_room","data":{"room_id":1,"x":1e400,"y":0}}',
    "deep nesting": DEEP,
    "deep nesting in data": '{"event":"ping","data":' + DEEP + "}",
    "deep nesting in an id": '{"event":"ping","data":1,"id":' + DEEP + "}",
    "a lone surrogate": '{"event":"send_message","data":{"room_id":1,"message":"\\ud800"}}',
    "a NUL": '{"event":"send_message","data":{"room_id":1,"message":"a\\u0000b"}}',
    "a message that is a number": '{"event":"send_message","data":{"room_id":1,"message":5}}',
    "no message": '{"event":"send_message","data":{"room_id":1}}',
    "a nonce that is too long": json.dumps(
        {"event": "send_message", "data": {"room_id": 1, "message": "m", "nonce": "n" * 65}}
    ),
    "an unknown event": '{"event":"dance","data":{}}',
    "an id that is too long": json.dumps({"event": "ping", "data": 1, "id": "x" * 1000}),
}
REFUSED = {
    "an empty message": ({"event": "send_message", "data": {"room_id": 1, "message": "  "}}, "empty_message"),
    "too long a message": ({"event": "send_message", "data": {"room_id": 1, "message": "m" * 4001}}, "invalid"),
    "no such room": ({"event": "join_room", "data": {"room_id": 2**63 - 1}}, "room_not_found"),
    "sending to no such room": ({"event": "send_message", "data": {"room_id": 987654, "message": "m"}}, "room_not_found"),
    "no such message": ({"event": "edit_message", "data": {"message_id": 2**63 - 1, "message": "m"}}, "message_not_found"),
    "a reply to nothing": (
        {"event": "send_message", "data": {"room_id": 1, "message": "m", "reply_to": 2**62}}, "invalid",
    ),
    "typing in a room one is not in": ({"event": "typing", "data": {"room_id": 1}}, "not_a_member"),
}  # fmt: skip


@pytest.mark.parametrize("driver", [Cafe, CafeV1], ids=lambda driver: driver.dialect)
@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_frame_gets_an_error_and_the_socket_lives(people, driver, frame):
    client = people.keep(await driver.connect(await people("mal")))

    await client.socket.send(frame)
    error = await client.event("error")

    assert error["code"] in ("malformed", "unknown_event", "invalid")
    assert error["message"]
    assert (await client.answer("ping"))["event"] == "pong"


@pytest.mark.parametrize(("frame", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_refusal_names_its_code_its_event_and_the_id(people, frame, code):
    client = people.keep(await Cafe.connect(await people("ref")))

    await client.send({**frame, "id": {"any": ["thing", 1]}})
    error = await client.event("error")

    assert error["code"] == code
    assert error["event"] == frame["event"]
    assert next(f for f in client.heard if f["event"] == "error")["id"] == {"any": ["thing", 1]}


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ("hello", "Invalid JSON format"),
        (DEEP, "Invalid JSON format"),
        ('{"type":"message","content":""}', "Message content cannot be empty"),
        ('{"type":"message","content":"   "}', "Message content cannot be empty"),
        ('{"type":"message"}', "Message content cannot be empty"),
        ('{"type":"dance"}', "Unknown message type: dance"),
        ('{"type":"fetch_messages","cursor":-1}', None),
        ('{"type":"fetch_messages","cursor":99999999999999999999}', None),
        ('{"type":"fetch_messages","limit":0}', None),
        ('{"type":5}', "Unknown message type: 5"),
        ('{"type":"message","content":"\\ud800"}', None),
        ("[]", None),
    ],
)
async def test_simple_says_what_was_wrong_in_the_words_of_its_contract(people, frame, text):
    client = await people.join(Simple, "mal")

    await client.socket.send(frame)
    error = await client.frame("error")

    assert error["message"] == text if text else error["message"]
    await client.say("still here")
    await client.hear("still here")


@pytest.mark.parametrize("driver", [Cafe, Simple], ids=lambda driver: driver.dialect)
async def test_what_breaks_the_websocket_protocol_closes_with_its_code(people, driver):
    person = await people("broken")

    too_big = await driver.connect(person)
    await too_big.socket.send("x" * 65_537)
    assert (await too_big.closes())[0] == 1009

    not_utf8 = await driver.connect(person)
    await not_utf8.socket.send(b"\xff\xfe", text=True)
    assert (await not_utf8.closes())[0] == 1007


@pytest.mark.parametrize(("driver", "frame"), [(Cafe, b"\x80"), (Simple, b"\x80"), (CafeMsgpack, "{}")])
async def test_the_other_kind_of_frame_closes_the_socket(people, driver, frame):
    client = await driver.connect(await people("kind"))

    await client.socket.send(frame)

    assert (await client.closes())[0] == 1003


@pytest.mark.parametrize(
    "data", [b"\xc1", b"\x81", b"\xdd\xff\xff\xff\xff", b"\x91" * 20_000, b"\xcb\x7f\xf8" + b"\0" * 6]
)
async def test_malformed_messagepack_gets_an_error(people, data):
    client = people.keep(await CafeMsgpack.connect(await people("pack")))

    await client.socket.send(data)

    assert (await client.event("error"))["code"] == "malformed"
    assert (await client.answer("ping"))["event"] == "pong"


async def test_ten_malformed_frames_in_a_row_close_the_socket(people):
    cafe, simple = await people.join(Cafe, "ten"), await people.join(Simple, "ten")

    for client in (cafe, simple):
        for _ in range(10):
            await client.socket.send("%%%")

    assert (await cafe.closes())[0] == 4400
    assert (await simple.closes())[0] == 1008


async def test_too_many_frames_are_warned_of_and_then_closed(people):
    client = await people.join(CafeV1, "flood")

    try:
        for _ in range(400):
            await client.send({"event": "ping", "data": None})
    except websockets.ConnectionClosed:
        pass

    assert (await client.closes())[0] == 4029
    warning = client.data("error")[0]
    assert warning["code"] == "rate_limited"
    assert warning["retry_after"] > 0
    bye = client.data("bye")[0]
    assert (bye["code"], bye["reconnect"]) == (4029, True)
    assert bye["retry_after"] > 0


async def test_a_ping_comes_back_with_what_it_brought(people):
    client = people.keep(await Cafe.connect(await people("ping")))

    await client.send({"event": "ping", "data": {"at": [1, "two", None]}})

    assert (await client.event("pong")) == {"at": [1, "two", None]}


BODIES = {
    "not JSON": b"hello",
    "nothing": b"",
    "an array": b"[]",
    "deep": DEEP.encode(),
    "a lone surrogate": b'{"username":"\\ud800","password":"\\ud800aaaaaaaa"}',
    "a NUL": b'{"username":"a\\u0000b","password":"aaaaaaaaaaaaa"}',
    "NaN": b'{"username":NaN,"password":NaN}',
    "huge": b'{"username":' + b"9" * 5000 + b',"password":"x"}',
    "not UTF-8": b'{"username":"\xff","password":"x"}',
    "wrong types": b'{"username":{},"password":[]}',
}
PATHS = ["/auth/register", "/auth/login", "/auth/refresh", "/rooms", "/rooms/1/messages", "/chat", "/rooms/1/read"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_is_a_problem_of_the_client_and_never_echoed(people, path, body):
    ana = await people("rest")

    answer = await ana.ask("POST", path, content=body, headers={**ana.headers, "Content-Type": "application/json"})

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(problem)
    assert isinstance(problem["detail"], str)
    assert problem["status"] == answer.status_code
    assert "aaaaaaaa" not in answer.text


@pytest.mark.parametrize("value", ["0", "-1", "9223372036854775808", "1" * 400, "chair", "1.5", "%00", "%ED%A0%80"])
@pytest.mark.parametrize(
    "path", ["/rooms/{}", "/users/{}", "/messages/{}", "/rooms/1/messages?cursor={}", "/users?cursor={}"]
)
async def test_a_bad_id_is_a_problem_of_the_client(people, path, value):
    ana = await people("rest")

    answer = await ana.ask("GET", path.format(value))

    assert 400 <= answer.status_code < 500, answer.text


async def test_too_large_a_body_and_a_wrong_type_are_refused(people):
    ana = await people("rest")

    large = await ana.ask(
        "POST", "/rooms", content=b"x" * 2_000_000, headers={**ana.headers, "Content-Type": "application/json"}
    )
    typed = await ana.ask("POST", "/rooms", content=b"name=x", headers={**ana.headers, "Content-Type": "text/plain"})

    assert large.status_code == 413
    assert typed.status_code in (415, 422)


async def test_errors_say_bearer_and_never_more_than_they_should(server):
    async with httpx2.AsyncClient(base_url=server.url) as http:
        anonymous = await http.get("/api/v1/auth/me")
        nowhere = await http.get("/api/v1/nowhere")
        method = await http.request("DELETE", "/api/v1/auth/login")

    assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, "Bearer")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/rooms", "/users", "/rooms/1/members", "/rooms/1/messages", "/rooms/1/events"])
async def test_a_page_holds_no_more_than_the_server_is_set_to(people, path):
    ana = await people("page")

    assert (await ana.ask("GET", f"{path}?limit=100")).status_code == 200
    refused = await ana.ask("GET", f"{path}?limit=101", 422)

    assert refused.json()["detail"] == "limit must be from 1 to 100"
    assert refused.json()["errors"][0]["loc"] == ["query", "limit"]


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_who_goes_in_the_middle_of_a_body_leaves_no_line_in_the_log(server, people, kind):
    await people("there")
    before = server.log()
    head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\n"

    _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + b"--x\r\n")
    await writer.drain()
    await asyncio.sleep(0.1)  # it waits for the rest now
    writer.transport.abort()
    await people("later")

    assert server.log() == before


async def test_odd_requests_leave_no_line_in_the_log(server, people):
    await people("there")
    before = server.log()

    async with httpx2.AsyncClient(base_url=server.url) as http:
        http2 = await http.get("/health/live", headers={"Connection": "Upgrade", "Upgrade": "h2c"})
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        no_form = await http.post("/api/v1/auth/login", content=b"abc", headers=kind)

    assert (http2.status_code, no_form.status_code) == (200, 400)
    assert server.log() == before


async def test_an_answer_tells_no_more_of_a_long_list_of_faults_than_can_be_read(people):
    ana = await people("faulty")
    room = (await ana.ask("POST", "/rooms", 201, json={"name": "Settings"})).json()["id"]
    many = {f"\0{number}": 1 for number in range(5000)} | {"\0" + "k" * 5000: 1}

    for settings in (many, dict(reversed(many.items()))):
        answer = await ana.ask("PATCH", f"/rooms/{room}", 422, json={"settings": settings})

        assert len(answer.content) < 10_000
        assert 1 <= len(answer.json()["errors"]) <= 20
