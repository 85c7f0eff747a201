"""Logs: what is in a line, and what never is."""

import io
import json
import logging
import time

import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from tertulia.transport import logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s5LbWfxv8Mk_A-3g"
NAMES = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "asyncio")


@pytest.fixture(autouse=True)
def logging_as_it_was():
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(one.handlers, one.filters, one.level, one.propagate) for one in loggers]
    yield
    for one, (handlers, filters, level, propagate) in zip(loggers, before, strict=True):
        one.handlers, one.filters, one.level, one.propagate = handlers, filters, level, propagate
    structlog.reset_defaults()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/ws?token=hunter2hunter2 HTTP/1.1",
        "GET /ws/room/1?x=1&token=hunter2hunter2&y=2",
        "GET /ws?ticket=hunter2hunter2",
        "GET /ws?access_token=hunter2hunter2#there",
        '{"username": "ada", "password": "hunter2hunter2"}',
        "{'refresh_token': 'hunter2hunter2'}",
        r'{"event": "{\"password\": \"hunter2hunter2\"}"}',
        "current_password=hunter2hunter2&new_password=hunter2hunter2",
        "Authorization: Bearer hunter2hunter2",
        "authorization: basic hunter2hunter2",
        "(b'authorization', b'Bearer hunter2hunter2')",
        "Sec-WebSocket-Protocol: tertulia.v1, bearer, hunter2hunter2",
        "cannot connect to postgresql://ada:hunter2hunter2@db:5432/chat",
        "cannot connect to redis://:hunter2hunter2@cache",
        "SECRET_KEY=hunter2hunter2",
    ],
)
def test_a_secret_is_taken_out_of_a_line(line):
    assert "hunter2" not in logs.redact(line)
    assert "***" in logs.redact(line)


def test_a_token_is_known_by_its_form_wherever_it_stands():
    assert logs.redact(f"?%74oken={JWT} and {JWT}.") == "?%74oken=*** and ***."


@pytest.mark.parametrize("piece", ["-eyJ", "eyJ-", "token ", "bearer ", "://a:", "token%20", "eyJaaaaaaaa."])
def test_a_line_that_a_stranger_makes_as_odd_as_they_can_is_read_in_no_time(piece):
    line = "GET /" + piece * (65_536 // len(piece))
    started = time.perf_counter()
    logs.redact(line)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/rooms?limit=50&cursor=7 200",
        "a ticket to the opera",
        "the token has expired",
        "http://127.0.0.1:8000",
    ],
)
def test_what_is_no_secret_stays(line):
    assert logs.redact(line) == line


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_neither_arguments_nor_tracebacks_nor_extras_tell_a_secret(stream, log_format):
    logs.configure(log_format=log_format, level="DEBUG", stream=stream)
    for name in ("uvicorn.access", "uvicorn.error", "tertulia.anything"):
        log = logging.getLogger(name)
        log.info('%s - "%s %s" %d', "127.0.0.1:1", "GET", f"/ws?token={JWT}", 200, extra={"header": f"Bearer {JWT}"})
        password = "hunter2hunter2"
        try:
            raise ValueError(f"password={password} token={JWT}")
        except ValueError:
            log.exception("a fault")
    text = stream.getvalue()
    assert text.count("a fault") == 3
    assert text.count("ValueError") >= 3
    assert "hunter2hunter2" not in text
    assert JWT not in text


def test_any_handler_of_the_servers_lines_gets_them_clean(stream):
    logs.configure(stream=stream)
    records = []
    keeper = logging.Handler()
    keeper.emit = records.append
    logging.getLogger("uvicorn.access").addHandler(keeper)
    logging.getLogger("uvicorn.access").info('%s - "%s"', "127.0.0.1:1", f"/ws?token={JWT}")
    assert records[0].args == ("127.0.0.1:1", "/ws?token=***")


def test_a_line_for_machines_is_json(stream):
    logs.configure(log_format="json", stream=stream)
    logging.getLogger("tertulia.x").warning("%d sockets", 3, extra={"room_id": 1})
    structlog.get_logger("tertulia.y").info("said", name='"quoted" token=abcdefgh')
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"], first["room_id"]) == (
        "3 sockets",
        "warning",
        "tertulia.x",
        1,
    )
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["name"]) == ("said", '"quoted" token=***')


def test_what_is_below_the_level_is_not_told(stream):
    logs.configure(level="WARNING", stream=stream)
    logging.getLogger("tertulia.x").info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    assert stream.getvalue() == ""


def test_the_servers_noise_about_sockets_is_left_out(stream):
    logs.configure(level="DEBUG", stream=stream)
    server = logging.getLogger("uvicorn.error")
    server.info("connection open")
    server.info("connection closed")
    server.error("Invalid UTF-8 sequence received from client.", exc_info=ValueError("x"))
    assert stream.getvalue() == ""


async def _app(scope, receive, send):
    logging.getLogger("tertulia.x").info("asked")
    await PlainTextResponse("hello")(scope, receive, send)


def test_a_request_has_one_name_in_the_log_and_in_its_answer(stream):
    logs.configure(log_format="json", stream=stream)
    client = TestClient(logs.RequestId(_app))
    answers = [client.get("/").headers["x-request-id"] for _ in range(2)]
    told = [json.loads(line)["request_id"] for line in stream.getvalue().splitlines() if "asked" in line]
    assert told == answers
    assert len(set(answers)) == 2


@pytest.mark.parametrize(("given", "is_kept"), [("abc-1.2", True), ("a b", False), ("x" * 65, False), ('"}\\n', False)])
def test_a_proxys_name_for_a_request_is_kept_if_it_is_one(given, is_kept):
    answer = TestClient(logs.RequestId(_app)).get("/", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) is is_kept


def test_a_long_line_is_cleaned_in_no_time():
    began = time.process_time()
    for part in ("a", "token", "://", "bearer ", "eyJ", "secret="):
        logs.redact(part * (65_536 // len(part)))
    assert time.process_time() - began < 2
