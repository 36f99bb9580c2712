"""Pages of other sites cannot use the server through a visitor's browser."""

import json
import socket

import pytest
from starlette.datastructures import Headers

from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.visitors import Visitors
from tests.serving.small_models import pngs

FACES = "/affect/v1/faces"


def local(*allowed):
    visitors = Visitors(allowed)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        visitors.bind([sock])
    return visitors


def is_let_in(visitors, method="POST", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        visitors.check(method, Headers(named))
    except Refusal as refusal:
        assert refusal.status == 403
        return False
    return True


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:8501", "[::1]:8501", "[::1]"]
)
def test_a_local_server_is_asked_by_its_own_names(host):
    assert is_let_in(local(), host=host)


@pytest.mark.parametrize(
    "host",
    ["evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "", "x"],
)
def test_a_name_that_was_made_to_lead_here_is_refused(host):
    assert not is_let_in(local(), "GET", host=host)
    assert is_let_in(Visitors([]), "GET", host=host)


def test_allowed_hosts_are_names_of_a_proxy_and_of_other_addresses():
    assert is_let_in(local("affect.example"), host="Affect.Example:443")
    assert is_let_in(local("affect.example"), host="localhost:8501")
    assert not is_let_in(Visitors(["affect.example"]), host="other.example")
    headers = {"host": "127.0.0.1:8501", "origin": "https://affect.example"}
    assert is_let_in(local("affect.example"), **headers)
    assert not is_let_in(local(), **headers)


@pytest.mark.parametrize("visitors", [local(), Visitors([])])
def test_only_a_page_of_the_server_sends_pictures(visitors):
    host = "localhost:8501"
    own = {"origin": "http://localhost:8501", "sec_fetch_site": "same-origin"}
    assert is_let_in(visitors, host=host, **own)
    for origin in ("http://evil.example", "null", "", "http://[", "http://x.localhost"):
        assert not is_let_in(visitors, host=host, origin=origin)
    assert not is_let_in(visitors, host=host, sec_fetch_site="cross-site")
    # A link to the page, from any site, is no harm.
    assert is_let_in(visitors, "GET", host=host, sec_fetch_site="cross-site")


def test_the_server_refuses_foreign_hosts_and_pages_with_a_reason(server):
    (picture,) = pngs(1, 64)
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        status, _, body = server.request("POST", FACES, picture, headers)
        assert status == 403 and "--allowed_hosts" in json.loads(body)["error"]
    status, _, body = server.request("GET", "/", None, {"Host": "evil.example"})
    assert status == 403 and b"Host" in body
    origin = {"Origin": f"http://localhost:{server.port}"}
    assert server.request("POST", FACES, picture, origin)[0] == 200
