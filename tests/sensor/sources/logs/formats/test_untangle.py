"""Untangle: the events of one session are counted once."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.untangle import UntangleFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import NO_SERVICE
from tests.sensor.sources.logs.formats.reading import read

SESSION = {
    "protocol": 6, "hostname": "laptop-1", "CClientAddr": "10.1.2.3", "CClientPort": 50000, "SServerAddr": "192.0.2.7",
    "SServerPort": 443, "sessionId": 7, "username": "ada", "timeStamp": "2026-10-06 10:00:00.0",
}  # fmt: skip


def event(of: str, **fields: object) -> str:
    return "<174>Oct  6 10:00:00 INFO  uvm[0]:  " + json.dumps({"class": f"class com.untangle.{of}"} | fields)


def test_a_session_is_counted_once() -> None:
    lines = [
        event("uvm.app.SessionEvent", **SESSION),
        event(
            "app.http.HttpRequestEvent",
            method="POST",
            host="chat.example.com",
            requestUri="/a",
            timeStamp="2026-10-06 10:00:01.0",
            sessionEvent=SESSION,
        ),
        event(
            "app.http.HttpResponseEvent",
            requestLine="POST http://chat.example.com/a",
            contentLength=0,
            timeStamp="2026-10-06 10:00:02.0",
            httpRequestEvent={"contentLength": 8000, "sessionEvent": SESSION},
        ),
        event(
            "uvm.app.SessionStatsEvent",
            c2pBytes=9000,
            p2cBytes=500,
            timeStamp="2026-10-06 10:01:00.0",
            sessionEvent=SESSION,
        ),
    ]
    rows = read(UntangleFormat, "\n".join(lines))
    assert rows["phase"].to_list() == ["begin", "name", "delta", "end"]
    assert rows["session"].n_unique() == 1
    done = Sessions().take(rows)
    assert done["bytes_up"].to_list() == [None, None, 8000, 1000]
    assert done["bytes_down"].to_list() == [None, None, None, 500]
    assert rows["duration_s"].to_list()[3] == 60.0


def test_other_events() -> None:
    rows = read(UntangleFormat, event("uvm.event.SystemStatEvent", timeStamp="2026-10-06 10:00:00.0"))
    assert rows["reason"].to_list() == [NO_SERVICE]


def test_the_name_is_that_of_the_end_inside() -> None:
    inward = SESSION | {"localAddr": "192.0.2.7", "hostname": "web-1"}
    outward = SESSION | {"localAddr": "10.1.2.3"}
    lines = [event("uvm.app.SessionEvent", **fields) for fields in (inward, outward)]
    assert read(UntangleFormat, "\n".join(lines))["device"].to_list() == [None, "laptop-1"]
