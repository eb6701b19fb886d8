"""Answers from the network are bounded in bytes and seconds, and come from the address that was asked."""

import asyncio
import time
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest

from tests.support.loopback import serve_on_loopback
from unlearn_audit.errors import TimeStampError
from unlearn_audit.pki import time_stamp_client
from unlearn_audit.pki.answers import make_fetchers
from unlearn_audit.pki.time_stamp_client import TimeStampAuthority


class _Odd(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self):
        responder = self.server.responder
        responder.requests.append(self.path)
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/internal")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        try:
            for _ in range(responder.blocks):
                self.wfile.write(bytes(responder.block))
                self.wfile.flush()
                time.sleep(responder.pause)
        except OSError:
            pass

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(time_stamp_client, "PAUSES", ())
    monkeypatch.setattr(time_stamp_client, "PATIENCE", 1.0)
    responder = SimpleNamespace(requests=[], blocks=0, block=1, pause=0.0)
    with serve_on_loopback(responder, _Odd) as url:
        responder.url = url
        yield responder


def test_an_authority_that_redirects_is_not_followed(server):
    with pytest.raises(TimeStampError, match="302"):
        TimeStampAuthority(f"{server.url}/redirect").stamp(b"x")
    assert server.requests == ["/redirect"]


def test_an_authority_that_answers_without_end_or_byte_by_byte_is_given_up(server):
    server.blocks, server.block = 1000, 1 << 16
    with pytest.raises(TimeStampError, match="larger than"):
        TimeStampAuthority(f"{server.url}/big").stamp(b"x")
    server.blocks, server.block, server.pause = 100, 1, 0.2
    begun = time.monotonic()
    with pytest.raises(TimeStampError, match="longer than"):
        TimeStampAuthority(f"{server.url}/drip").stamp(b"x")
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(("path", "message"), [("/redirect", "redirects"), ("/big", "larger than")])
def test_lists_of_revoked_certificates_are_fetched_within_the_same_bounds(server, path, message):
    server.blocks, server.block = 1000, 1 << 16

    async def fetch():
        _, session = make_fetchers(1 << 20, 5.0)
        try:
            async with session.get(f"{server.url}{path}") as answer:
                await answer.read()
        finally:
            await session.close()

    with pytest.raises(Exception, match=message):
        asyncio.run(fetch())
    assert "/internal" not in server.requests
