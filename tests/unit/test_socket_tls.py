"""Sockets over TLS, which has no half-close, and tells its own buffers."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback import Peer, Site, Witness, closing, masked, serving, text, upgrade

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


class Secure(Peer):
    def __init__(self, port: int, certificate: Path) -> None:
        super().__init__(port)
        context = ssl.create_default_context(cafile=str(certificate))
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("tls")
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    return {"ssl_keyfile": str(key), "ssl_certfile": str(certificate)}


@pytest.fixture(params=["own", "own-asyncio"])
def site(request: pytest.FixtureRequest, pair: dict[str, Any]) -> Iterator[Site]:
    with serving(request.param, Witness, {"fail_wait": 0.5, "close_wait": 0.5}, **pair) as site:
        yield site


def test_frames_pass_and_the_scheme_is_known(site: Site, pair: dict[str, Any]) -> None:
    with Secure(site.port, pair["ssl_certfile"]) as peer:
        peer.send(upgrade() + text("hola") + masked(0x82, bytes(60_000)))
        assert peer.response().status == 101
        assert peer.message() == "hola"
        assert peer.frame() == (0x82, bytes(60_000))
        assert site.upgrades[-1].scheme == "wss"
        peer.send(closing(1000))
        assert peer.close_frame() == (1000, "")
        peer.ended()


def test_a_fault_is_answered_before_the_end(site: Site, pair: dict[str, Any]) -> None:
    with Secure(site.port, pair["ssl_certfile"]) as peer:
        peer.open().send(masked(0x81, b"\xff"))
        assert peer.close_frame() == (1007, "not UTF-8")
        peer.ended()


def test_a_stopping_server_says_so(site: Site, pair: dict[str, Any]) -> None:
    with Secure(site.port, pair["ssl_certfile"]) as peer:
        peer.open()
        site.server.should_exit = True
        assert peer.close_frame()[0] == 1012
