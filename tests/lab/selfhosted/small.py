"""A small HTTP server: answers by method and path, each in one piece or streamed, for shapes of real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What to answer: content type, extra header fields, and the body, or pieces of a stream.
Answer = tuple[str, dict[str, str], bytes | list[bytes]]


def serve(
    address: str, port: int, answer: Callable[[str, str, bytes], Answer | None], *, software: str = "lab"
) -> None:
    """Answer every request as `answer(method, path, body)` says; what it has none for is not found."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = software, ""

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = answer(self.command, self.path.partition("?")[0], body)
            kind, fields, content = found or ("application/json", {}, b'{"error": "not found"}')
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            for name, value in fields.items():
                self.send_header(name, value)
            if isinstance(content, bytes):
                if "Content-Length" not in fields:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                return
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in content:
                self.wfile.write(piece)
                self.wfile.flush()
            self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    ThreadingHTTPServer((address, port), Handler).serve_forever()


def as_json(content: object, **fields: str) -> Answer:
    """A JSON answer."""
    return "application/json", fields, json.dumps(content, separators=(",", ":")).encode()
