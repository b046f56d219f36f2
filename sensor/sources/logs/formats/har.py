"""HAR 1.2 files: what browsers' developer tools, mitmproxy and test programs export.

A HAR holds bodies, cookies and tokens. Each entry is stripped of them before anything else sees it
(`Har`), so they are in no line, reject or memory of ours. Sizes: `headersSize` + `bodySize`, the
response's `_transferSize` where it is there; -1 is unknown, and some browsers say 0 or -1 under HTTP/2,
then the `content-length` header or the length of `postData` counts.

A HAR names no client: its rows stand under the device `har`, which a static assignment can give to a
person. Source: HAR 1.2 specification (W3C draft).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from sensor.decode.text import credentials
from sensor.sources.logs.lines.json_documents import Json
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_NETWORK
from sensor.sources.logs.text.words import one_of

_WANTED: dict[str, str] = {
    "time": "startedDateTime",
    "lasted": "time",
    "method": "request.method",
    "url": "request.url",
    "head_up": "request.headersSize",
    "body_up": "request.bodySize",
    "announced_up": "request.length",
    "agent": "request.agent",
    "origin": "request.origin",
    "key_type": "request.key_type",
    "key_print": "request.key_print",
    "version": "request.httpVersion|response.httpVersion",
    "status": "response.status",
    "head_down": "response.headersSize",
    "body_down": "response.bodySize",
    "sent_down": "response._transferSize",
    "announced_down": "response.length",
    "server": "serverIPAddress|response._remoteAddress|serverIPAddress6",
    "error": "response._error",
}
_NUMBERS = (
    *("status", "head_up", "body_up", "announced_up"),
    *("head_down", "body_down", "sent_down", "announced_down"),
)
#: What of an entry, request and response goes on.
_KEPT = {
    "": ("startedDateTime", "time", "serverIPAddress"),
    "request": ("method", "url", "headersSize", "bodySize", "httpVersion"),
    "response": (
        "status",
        "headersSize",
        "bodySize",
        "httpVersion",
        "_transferSize",
        "_remoteAddress",
        "_error",
    ),
}
NO_REQUEST = "entry without a request"


class Har(Json):
    """The entries of a HAR, each without bodies, cookies and headers."""

    def fits(self, head: bytes) -> bool:
        """True for an object that begins with `log` and what a HAR's log holds."""
        start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
        log = start.find(b'"log"')
        return (
            start[:1] == b"{"
            and 0 < log < 200
            and any(key in start for key in (b'"creator"', b'"entries"', b'"pages"'))
        )

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """One entry a record; what is no entry comes as an empty one and is counted."""
        for record in super().records(pieces):
            try:
                entry = json.loads(record)
            except (ValueError, RecursionError):
                entry = None
            yield json.dumps(stripped(entry if isinstance(entry, dict) else {}))


def stripped(entry: dict[str, Any]) -> dict[str, Any]:
    """What is read of an entry; of the headers only User-Agent, Content-Length and Origin, of the URL no
    query, of an AI key in either its type and fingerprint."""
    out: dict[str, Any] = {name: entry.get(name) for name in _KEPT[""]}
    out.setdefault("startedDateTime", None)
    for side in ("request", "response"):
        part = _part(entry, side)
        told = {name: part.get(name) for name in _KEPT[side] if not isinstance(part.get(name), (dict, list))}
        headers = _headers(part)
        posted = part.get("postData")
        text = posted.get("text") if isinstance(posted, dict) else None
        length = headers.get("content-length") or (
            len(text.encode("utf-8", "replace")) if isinstance(text, str) else None
        )
        out[side] = told | {
            "length": length,
            "agent": headers.get("user-agent"),
            "origin": headers.get("origin"),
        }
    said = _part(entry, "request")
    texts = [str(said.get("url")), *(str(value) for value in _headers(said).values())]
    key = credentials.find("\n".join(texts).encode("utf-8", "replace")) or (None, None)
    out["request"] |= {"key_type": key[0], "key_print": key[1]}
    out["request"]["url"] = str(out["request"].get("url") or "").split("?", 1)[0].split("#", 1)[0]
    out["response"]["_error"] = bool(out["response"].get("_error"))
    return out


def _part(entry: dict[str, Any], side: str) -> dict[str, Any]:
    part = entry.get(side)
    return part if isinstance(part, dict) else {}


def _headers(part: dict[str, Any]) -> dict[str, Any]:
    """Values of a part's headers by their names in lower case."""
    listed = part.get("headers")
    return {
        str(h.get("name")).lower(): h.get("value")
        for h in (listed if isinstance(listed, list) else [])
        if isinstance(h, dict)
    }


class HarFormat(LogFormat):
    """Reads HAR files."""

    name = "har"
    help = "HAR 1.2 files of Chrome, Edge, Firefox, Safari, mitmproxy, Playwright"
    vantage = "proxy"
    is_recording = True
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "A HAR names no client: assign the device `har` to whoever recorded it."
    framing = Har()
    marks = ('"starteddatetime"',)
    claims = objects.having("startedDateTime", "request")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per entry."""
        read = objects.read(lines["line"], _WANTED)
        read = read.with_columns(
            pl.col(name).cast(pl.Float64, strict=False).cast(pl.Int64, strict=False) for name in _NUMBERS
        )
        return read.select(
            "time",
            "method",
            "url",
            "server",
            **_volume(),
            kind=pl.lit("http"),
            device=pl.lit("har"),
            status="status",
            user_agent="agent",
            origin="origin",
            key_type="key_type",
            key_print="key_print",
            transport=one_of({"udp": pl.col("version").str.contains("(?i)h3|http/3|quic")}, otherwise="tcp"),
            action=one_of(
                {"reset": (pl.col("status") <= 0) | (pl.col("error") == "true")}, otherwise="allowed"
            ),
            reason=_reason(),
        )


def _reason() -> pl.Expr:
    scheme = pl.col("url").str.extract(r"^([A-Za-z][\w+.-]*):").str.to_lowercase()
    return one_of(
        {
            NO_REQUEST: (pl.col("url") == "") | pl.col("url").is_null(),
            NO_NETWORK: ~scheme.is_in(["http", "https", "ws", "wss"]),
        }
    )


def _volume() -> dict[str, pl.Expr]:
    transferred = pl.when(pl.col("sent_down") > 0).then("sent_down")
    return {
        "duration_s": pl.col("lasted").cast(pl.Float64, strict=False) / 1000,
        "bytes_up": _whole("head_up", _body("body_up", "announced_up")),
        "bytes_down": pl.coalesce(transferred, _whole("head_down", _body("body_down", "announced_down"))),
    }


def _body(said: str, announced: str) -> pl.Expr:
    """The body's size: what the exporter says, unless that is nothing and the message knows better."""
    size = pl.col(said)
    return pl.when(size > 0).then(size).otherwise(pl.coalesce(announced, pl.when(size == 0).then(size)))


def _whole(head: str, body: pl.Expr) -> pl.Expr:
    """Head and body; a head that is not known (-1) counts as none, so this is a lower bound."""
    return body + pl.when(pl.col(head) > 0).then(head).otherwise(0)
