"""HTTP/2 by hand: frames, and the bytes a connection begins with."""

from __future__ import annotations

from hpack import Encoder

from sensor.decode.http.http2 import PREFACE

HEADERS, SETTINGS, WINDOW_UPDATE, CONTINUATION = 1, 4, 8, 9
END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20
FIELDS = [
    (":method", "POST"), (":scheme", "http"), (":authority", "llm.example.com:8080"),
    (":path", "/v1/chat/completions?key=secret"), ("user-agent", "grpc-go/1.60"), ("te", "trailers"),
]  # fmt: skip


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


OPENING = PREFACE + frame(SETTINGS, 0, bytes(12), 0) + frame(WINDOW_UPDATE, 0, bytes(4), 0)


def block(fields: list[tuple[str, str]] = FIELDS, *, huffman: bool = True) -> bytes:
    return Encoder().encode(fields, huffman=huffman)


REQUEST = OPENING + frame(HEADERS, END_HEADERS, block())
