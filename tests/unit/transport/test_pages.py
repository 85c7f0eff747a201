"""The pages: they come up, and want nothing from any other host."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tertulia.transport import pages


@pytest.fixture
def client():
    app = FastAPI(title="Tertulia", version="1.2.3<", docs_url=None, redoc_url=None)
    pages.install(app)
    with TestClient(app) as client:
        yield client


class Addresses(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.base = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if tag == "base":
                self.base = value
            elif name in ("src", "href"):
                self.found.append((tag, value))


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
def test_a_page_loads_all_it_needs_from_here(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "1.2.3&lt;" in page.text
    addresses = Addresses(page.text)
    for tag, address in addresses.found:
        assert "//" not in address
        if tag != "a":
            assert client.get(urljoin(addresses.base, address)).status_code == 200, address


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
def test_a_page_allows_no_script_or_style_of_its_own_text(client, path):
    assert not re.search(r"<script>|<style>| style=| on\w+=", client.get(path).text)


def test_a_page_below_a_proxys_path_stays_below_it():
    app = FastAPI(docs_url=None, redoc_url=None)
    pages.install(app)
    assert Addresses(TestClient(app, root_path='/chat"').get('/chat"/').text).base == '/chat"/'


def test_redoc_fetches_no_picture_from_its_maker(client):
    script = client.get("/static/viewers/redoc.standalone.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "Redoc" in script.text
    assert 'src:"http' not in script.text
    assert "cdn.redoc" not in script.text


def test_swagger_asks_nobody_whether_the_description_is_valid(client):
    assert "validatorUrl: null" in client.get("/static/pages/docs.js").text


def test_there_is_a_favicon(client):
    assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_the_pages_are_not_part_of_the_api(client):
    assert client.get("/openapi.json").json()["paths"] == {}
