"""Webhooks against a real HTTP server on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from analytics.delivery.letter import DeliveryFailed
from analytics.delivery.webhook import Webhook
from tests.analytics.delivery.letters import alert, report

Seen = list[tuple[str, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Seen]]:
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers), content))
            status = int(self.path.rpartition("/")[2].partition("?")[0])
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/200")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/hook", seen
    http.shutdown()
    http.server_close()


def test_what_arrives_is_signed(server: tuple[str, Seen]) -> None:
    url, seen = server
    seen.clear()
    Webhook(f"{url}/200?team=a", secret="shared").send(alert())
    ((path, headers, content),) = seen
    assert path == "/hook/200?team=a"
    signed = headers["X-Shadowai-Timestamp"].encode() + b"." + content
    expected = hmac.new(b"shared", signed, hashlib.sha256).hexdigest()
    assert headers["X-Shadowai-Signature"] == f"sha256={expected}"
    said = json.loads(content)
    assert (said["id"], said["severity"], said["facts"]["people"]) == (headers["Idempotency-Key"], "high", 5)


def test_the_report_goes_along_where_asked(server: tuple[str, Seen]) -> None:
    url, seen = server
    seen.clear()
    Webhook(f"{url}/204", attachments=True).send(report())
    ((_, headers, content),) = seen
    (page,) = json.loads(content)["attachments"]
    assert base64.b64decode(page["base64"]) == report().attachments[0].content
    assert "X-Shadowai-Signature" not in headers


@pytest.mark.parametrize(
    ("status", "for_good"), [(302, True), (400, True), (410, True), (429, False), (503, False)]
)
def test_refusals(server: tuple[str, Seen], status: int, for_good: bool) -> None:
    url, seen = server
    seen.clear()
    with pytest.raises(DeliveryFailed, match=str(status)) as caught:
        Webhook(f"{url}/{status}").send(alert())
    assert caught.value.for_good is for_good and len(seen) == 1
