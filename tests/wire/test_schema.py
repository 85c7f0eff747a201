"""The API's own description, taken at its word: what it allows works, what it does not is refused, and nothing is a 5xx."""

import contextlib

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from drivers import PASSWORD
from serving import Server

NEVER = ["/api/v1/auth/logout", "/api/v1/auth/password", "/api/v1/users/me", "/users/me", "/metrics"]
"""What would end the login that the others are tried with, or is not JSON."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("schema"), LOGIN_ATTEMPTS="1000000") as running:
        yield running


@pytest.fixture(scope="module")
def api(server):
    with httpx2.Client(base_url=server.url) as http:
        account = {"username": "schema", "password": PASSWORD}
        http.post("/api/v1/auth/register", json=account)
        server.run("create-admin", "schema", ADMIN_PASSWORD=PASSWORD)
        token = http.post("/api/v1/auth/login", json=account).json()["access_token"]
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    return schema, {"Authorization": f"Bearer {token}"}


def operations(schema):
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in NEVER and not operation.path.startswith("/api/v1/users/{"):
            yield operation


@pytest.mark.timeout(300)
def test_no_request_that_can_be_made_up_is_a_fault_of_ours(api):
    schema, headers = api
    tried = 0
    for operation in operations(schema):
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @settings(
                max_examples=10, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def attempt(case):
                nonlocal tried
                tried += 1
                case.call_and_validate(
                    headers=headers,
                    checks=(
                        not_a_server_error, status_code_conformance, content_type_conformance,
                        response_schema_conformance,
                    ),
                )  # fmt: skip

            with contextlib.suppress(Unsatisfiable):  # where there is nothing that could be wrong
                attempt()
    assert tried > 200
