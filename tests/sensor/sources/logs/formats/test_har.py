"""HAR files: sizes of every exporter, nothing secret, local and broken entries, documents of any length."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.har import NO_REQUEST, HarFormat, stripped
from sensor.sources.logs.lines.framing import framed
from sensor.sources.logs.text.reasons import NO_NETWORK
from tests.sensor.sources.logs.formats.reading import read


def entry(**more: Any) -> dict[str, Any]:
    """An entry as Chrome writes it; `request.x` and `response.x` set inner fields."""
    made: dict[str, Any] = {
        "startedDateTime": "2026-11-22T11:00:00.500+01:00", "time": 2500.0,
        "serverIPAddress": "198.51.100.4", "cache": {}, "timings": {},
        "request": {
            "method": "POST", "url": "https://chat.example.com/api/x?key=secret#secret", "httpVersion": "h2",
            "headersSize": -1, "bodySize": 5120,
            "headers": [{"name": "User-Agent", "value": "Mozilla/5.0"}, {"name": "Cookie",
            "value": "secret"}],
            "cookies": [{"name": "s", "value": "secret"}], "queryString": [{"name": "key",
            "value": "secret"}],
            "postData": {"mimeType": "application/json", "text": "secret"},
        },
        "response": {
            "status": 200, "httpVersion": "h2", "headers": [{"name": "Set-Cookie", "value": "secret"}],
            "headersSize": -1, "bodySize": -1,
            "_transferSize": 700, "content": {"size": 9000, "text": "secret", "mimeType": "text/html"},
            "_error": None,
        },
    }  # fmt: skip
    for name, value in more.items():
        side, _, field = name.partition("__")
        made[side] = made[side] | {field: value} if field else value
    return made


def document(*entries: Any, **log: Any) -> str:
    pages = {"pages": [{"id": "page_1", "title": "t", "startedDateTime": "2026-11-22T11:00:00Z"}]}
    return json.dumps(
        {
            "log": {"version": "1.2", "creator": {"name": "x", "version": "1"}}
            | pages
            | log
            | {"entries": list(entries)}
        },
        indent=2,
    )


def test_an_entry() -> None:
    (row,) = read(HarFormat, document(entry())).rows(named=True)
    assert (row["kind"], row["host"], row["path"], row["method"], row["status"]) == (
        "http",
        "chat.example.com",
        "/api/x",
        "POST",
        200,
    )
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (5120, 700, 2.5)
    assert (row["server"], row["server_port"], row["user_agent"], row["device"]) == (
        "198.51.100.4",
        443,
        "Mozilla/5.0",
        "har",
    )
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00.500000+00:00"


def test_sizes_of_other_exporters() -> None:
    firefox = entry(
        request__headersSize=340,
        request__bodySize=60,
        response__headersSize=419,
        response__bodySize=6625,
        response___transferSize=None,
    )
    http2 = entry(request__bodySize=0, response___transferSize=None, response__bodySize=-1)
    announced = entry(
        request__bodySize=-1,
        request__headers=[{"name": "content-length", "value": "77"}],
        request__postData=None,
    )
    unknown = entry(request__bodySize=-1, request__postData=None, response___transferSize=None)
    found = read(HarFormat, document(firefox, http2, announced, unknown))
    assert found.select("bytes_up", "bytes_down").rows() == [(400, 7044), (6, None), (77, 700), (None, None)]


def test_nothing_secret_leaves_the_framing() -> None:
    assert "secret" not in json.dumps(stripped(entry()))
    stream = framed(io.BytesIO(document(entry()).encode()), HarFormat.framing)
    assert b"secret" not in stream.read()


def test_local_failed_and_broken_entries() -> None:
    text = document(
        entry(request__url="data:text/plain,secret"), entry(request__url="chrome-extension://abc/x.js"),
        entry(response__status=0), {}, entry(request=7)
    )  # fmt: skip
    found = read(HarFormat, text)
    assert found["reason"].to_list() == [NO_NETWORK, NO_NETWORK, None, NO_REQUEST, NO_REQUEST]
    assert found["action"][2] == "reset"


def test_long_documents_and_bodies() -> None:
    big = entry(response__content={"size": 2_000_000, "text": "x" * 2_000_000})
    assert read(HarFormat, document(*[big] * 3, entry())).height == 4


def test_a_document_cut_short_gives_what_it_has() -> None:
    text = document(*[entry()] * 5)
    assert 3 <= read(HarFormat, text[: int(len(text) * 0.9)]).filter(host="chat.example.com").height <= 5


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.sampled_from(
        [
            "request",
            "response",
            "time",
            "startedDateTime",
            "request__headers",
            "request__postData",
            "request__url",
            "response__status",
        ]
    ),
    JUNK,
)
@example("request__headers", 1)
@settings(max_examples=12, deadline=None)
def test_any_entry_is_read_or_counted(place: str, junk: Any) -> None:
    assert read(HarFormat, document(entry(), entry(**{place: junk}))).height == 2
