"""Host names, origins, tokens, and what every answer carries."""

from __future__ import annotations

import hmac
import re
import time
from pathlib import Path

import pytest

import m2fp_cli
from m2fp_cli.errors import UsageError
from m2fp_cli.server.access import Access
from tests.support.scripted_service import photo_file, running_service

PAGE = Path(m2fp_cli.__file__).parent / "server" / "page"
TOKEN = "a-token-of-sixteen-characters"
ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def service():
    with running_service(access=Access(origins=(ORIGIN,))) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def locked():
    with running_service(access=Access(is_loopback=False, token=TOKEN.encode())) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:5000", "[::1]:5000", "127.9.9.9"]
)
def test_this_machine_is_known(host):
    assert Access().takes_host(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "10.0.0.1", "", "localhost@evil", "a b",
     "localhost:x", "[::1", "0x7f.1", "127.0.0.1.nip.io", "\u2139", "localhost:99999999"],
)  # fmt: skip
def test_a_name_that_is_rebound_is_refused(host):
    assert not Access().takes_host(host)


def test_names_that_were_allowed():
    access = Access(is_loopback=False, hosts=("parse.example", "*.shop.example"))
    assert access.takes_host("parse.example:8080")
    assert access.takes_host("a.shop.example")
    assert access.takes_host("10.1.2.3:5000")  # probes of a cluster use the address
    assert not access.takes_host("shop.example")
    assert not access.takes_host("evilshop.example")
    assert not access.takes_host("evilparse.example")


def test_names_of_containers_may_have_underscores():
    assert Access(hosts=("m2fp_api",)).takes_host("m2fp_api:5000")
    assert not Access().takes_host("m2fp_api:5000")


def test_names_that_could_never_be_asked_for():
    for name in ("http://parse.example", "10.0.0.1:443", "*", "parse.example/", "a.", "[::1]"):
        with pytest.raises(UsageError, match="--allowed-hosts takes names without scheme"):
            Access(hosts=(name,))
    known = Access(hosts=("2001:db8::1", "*.shop.example", "localhost", "10.0.0.1"))
    assert known.takes_host("[2001:db8::1]:5000")


def test_a_foreign_host_is_refused_on_every_path(service):
    for path in ("/", "/healthz", "/labels", "/page/app.js"):
        assert service.ask("GET", path, headers={"Host": "evil.example"}).status == 421
    assert service.talk(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")
    assert b" 4" in service.talk(b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n")[:13]


def test_who_names_no_host_is_told_to(service):
    answer = service.talk(b"OPTIONS / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert b"send the header Host" in answer
    assert b"--allowed-hosts" not in answer
    assert b"--allowed-hosts" in service.ask("GET", "/", headers={"Host": "evil.example"}).body


def test_a_whole_address_is_taken_and_its_host_counts(service):
    def status(target: str, host: str = "localhost") -> bytes:
        head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        return service.talk(head.encode())[9:12]

    assert status("http://localhost/labels?x=1") == b"200"
    assert status(f"HTTP://127.0.0.1:{service.port}") == status("http://[::1]/") == b"200"
    assert status("http://localhost/page/%61pp.js", host="evil.example") == b"200"
    assert status("http://evil.example/labels") == status("http://localhost@evil/") == b"421"
    assert status("http:///labels") == status("https://%6cocalhost/") == b"421"
    assert status("ftp://localhost/labels") == b"404"


def test_no_other_page_may_use_it(service):
    for origin in (
        "https://evil.example",
        "null",
        "http://localhost:1",
        "https://shop.example.evil",
        "http://[::1",
    ):
        reply = service.parse(Origin=origin)
        assert reply.status == 403
        assert "access-control-allow-origin" not in reply.headers
    own = f"http://127.0.0.1:{service.port}"
    assert service.parse(Origin=own).status == 200
    assert "access-control-allow-origin" not in service.parse().headers


def test_an_origin_on_the_list_may(service):
    reply = service.parse(Origin=ORIGIN)
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    reply = service.ask("OPTIONS", "/parse", headers=preflight)
    assert (reply.status, reply.headers["vary"]) == (204, "Origin")
    assert service.ask("GET", "/accessories/fedora.webp").headers["vary"] == "Origin"  # for caches
    assert "Authorization" in reply.headers["access-control-allow-headers"]


def test_a_page_that_is_refused_learns_of_proxies(service):
    body = service.parse(Origin="https://parse.example.com").body
    assert b"'https://parse.example.com'" in body
    assert f"'127.0.0.1:{service.port}'".encode() in body
    assert b"the header Host" in body


def test_the_usual_port_may_be_named_and_no_other():
    takes = Access().takes_origin
    assert takes("https://a.example", "A.example:443")
    assert takes("http://a.example", "a.example:80")
    assert not takes("https://a.example", "a.example:80")
    assert not takes("http://a.example", "a.example:443")
    assert not any(takes(origin, "a.example:443") for origin in ("null", "", "//", "https://"))


NO_ORIGINS = ("*", "shop.example", "https://shop.example/x", "file://x", "https://", "http://[::1")
UNLIKE_BROWSERS = (
    "https://Shop.example",
    "https://shop.example:443",
    "https://b\u00fccher.example",
)


@pytest.mark.parametrize("origin", [*NO_ORIGINS, *UNLIKE_BROWSERS])
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(UsageError):
        Access(origins=(origin,))


def test_without_the_token_there_is_nothing_to_see(locked):
    for path in ("/labels", "/accessories", "/metrics", "/results/x", "/no-such-path"):
        assert locked.ask("GET", path).status == 401
    for given in (
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        "Bearer \xe9",
    ):
        assert locked.parse(Authorization=given).status == 401


def test_with_the_token_there_is(locked):
    assert locked.parse(Authorization=f"Bearer {TOKEN}").status == 200
    for path in ("/", "/page/app.js", "/healthz", "/readyz", "/docs", "/openapi.json"):
        assert locked.ask("GET", path).status == 200


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(given, token):
        compared.append((given, token))
        return given == token

    monkeypatch.setattr(hmac, "compare_digest", compare)
    access = Access(token=b"secret")
    assert not access.takes_token("Bearer guess")
    assert access.takes_token("bearer secret")
    assert compared == [(b"guess", b"secret"), (b"secret", b"secret")]


def test_the_token_is_in_no_log_and_no_record(locked):
    locked.parse(Authorization=f"Bearer {TOKEN}")
    assert TOKEN not in locked.log.getvalue()
    assert TOKEN not in repr(Access(token=TOKEN.encode()))


def test_every_answer_is_armored(service):
    for reply in (
        service.ask("GET", "/"),
        service.parse(),
        service.ask("GET", "/none"),
        service.parse("bad"),
    ):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "server" not in reply.headers
    assert service.parse().headers["cache-control"] == "no-store"


def test_what_is_refused_on_every_path_is_described(service):
    paths = service.ask("GET", "/openapi.json").document["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
                reply = service.ask(method.upper(), path, headers=headers)
                assert str(reply.status) in operation["responses"].keys() - {"200", "204"}, path
    assert "top, bottom, shoes" in paths["/tryon"]["post"]["description"]  # which may be colors


def test_the_page_needs_nothing_inline_and_nobody_else():
    for path in PAGE.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|javascript:", text), (
            path.name
        )
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path.name
        assert "innerHTML" not in text, path.name


def test_the_log_counts_no_bytes_where_none_are_sent(service):
    for method in ("HEAD", "GET"):
        reply = service.ask(method, "/docs", headers={"X-Request-Id": f"bytes-{method}"})
        assert int(reply.headers["content-length"]) > 1000
        until = time.monotonic() + 10  # the line is written after the reply
        while f"id=bytes-{method}" not in service.log.getvalue():
            assert time.monotonic() < until
        line = service.log.getvalue().partition(f" id=bytes-{method}")[0].splitlines()[-1]
        assert line.endswith(" 0.0 kB") == (method == "HEAD")


def test_accept_may_have_a_line_for_each_type(service):
    lines = ("Accept: text/html", "Accept: image/png", "Content-Type: image/jpeg")
    data = photo_file()
    head = "\r\n".join(("POST /parse HTTP/1.1", "Host: localhost", "Connection: close", *lines))
    asked = f"{head}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
    reply = service.talk(asked)
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: image/png\r\n" in reply


def test_every_page_has_one_first_heading(service):
    for path in ("/", "/docs"):
        assert service.ask("GET", path).body.count(b"<h1") == 1, path


def test_a_request_keeps_a_name_that_is_safe(service):
    assert service.parse(**{"X-Request-Id": "abc-1.2"}).headers["x-request-id"] == "abc-1.2"
    assert service.parse(**{"X-Request-Id": "a b<c>"}).headers["x-request-id"] != "a b<c>"


def test_files_of_the_page_are_asked_for_once(service):
    first = service.ask("GET", "/page/app.js")
    again = service.ask("GET", "/page/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")


def test_files_of_the_page_are_known_again_behind_a_proxy_that_compresses(service):
    etag = service.ask("GET", "/page/app.js").headers["etag"]
    for known, status in ((f"W/{etag}", 304), (f'"old", {etag}', 304), ('W/"old"', 200)):
        reply = service.ask("GET", "/page/app.js", headers={"If-None-Match": known})
        assert reply.status == status


def test_a_result_can_be_used_again_and_forgotten(service):
    kept = service.parse().headers["m2fp-result"]
    assert service.ask("GET", f"/results/{kept}?as=overlay").status == 200
    assert service.ask("POST", f"/tryon?hat=fedora&result={kept}").status == 200
    assert service.ask("DELETE", f"/results/{kept}").status == 204
    assert service.ask("GET", f"/results/{kept}").status == 404
    both = service.ask(
        "POST", f"/tryon?hat=fedora&result={kept}", photo_file(), {"Content-Type": "image/png"}
    )
    assert both.status == 400
