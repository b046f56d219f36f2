"""Tailscale network flow logs."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.tailscale import TailscaleFormat
from sensor.sources.logs.rows.flows import Pairs
from sensor.sources.logs.text.reasons import NO_PORTS, TUNNEL_ITSELF, TWICE
from tests.sensor.sources.logs.formats.reading import read


def message(node: str, **traffic: object) -> str:
    """One node's message of five seconds."""
    return json.dumps(
        {"nodeId": node, "start": "2026-10-06T10:00:00Z", "end": "2026-10-06T10:00:05Z"} | traffic
    )


HERE = {"proto": 6, "src": "100.64.0.7:50123", "dst": "100.64.0.9:443", "txPkts": 4, "txBytes": 3000}
BACK = {"rxPkts": 3, "rxBytes": 800}


def test_what_two_nodes_saw_counts_once_and_is_turned_to_the_client() -> None:
    there = {"proto": 6, "src": "100.64.0.9:443", "dst": "100.64.0.7:50123", "txPkts": 3, "txBytes": 800}
    lines = (
        message(
            "nA",
            virtualTraffic=[HERE | BACK],
            srcNode={"name": "pc7.example.ts.net", "user": "jane@example.org"},
        ),
        message(
            "nB",
            virtualTraffic=[there | {"rxPkts": 4, "rxBytes": 3000}],
            srcNode={"name": "srv9.example.ts.net", "user": "bob@example.org"},
        ),
    )
    rows = Pairs().take(read(TailscaleFormat, "\n".join(lines)))
    assert set(rows["client"]) == {"100.64.0.7"}
    assert set(rows["server_port"]) == {443}
    used = rows.filter(rows["reason"].is_null())
    assert (used["bytes_up"].sum(), used["bytes_down"].sum()) == (3000, 800)
    assert rows["reason"].to_list().count(TWICE) == 2
    assert ("jane@example.org", "pc7") in used.select("user_name", "device").rows()
    assert set(rows["user_name"]) == {None, "jane@example.org"}  # the server is somebody else's


def test_the_tunnels_own_packets_and_silent_nodes_are_no_traffic() -> None:
    physical = message(
        "nA", physicalTraffic=[{"src": "100.64.0.7:0", "dst": "192.0.2.7:41641", "txPkts": 1, "txBytes": 9}]
    )
    rows = read(TailscaleFormat, physical)
    assert rows["reason"].to_list() == [TUNNEL_ITSELF]


def test_wrapped_in_events_and_lists_of_the_api() -> None:
    one = json.loads(message("nA", exitTraffic=[HERE | {"dst": "192.0.2.7:443"}]))
    for text in (json.dumps({"event": one, "time": 1791280800.5}), json.dumps({"logs": [one]})):
        rows = read(TailscaleFormat, text)
        assert rows.select("client", "server", "bytes_up").rows() == [("100.64.0.7", "192.0.2.7", 3000)], text


def test_a_hidden_far_side_and_other_protocols_are_set_aside() -> None:
    hidden = {key: value for key, value in HERE.items() if key != "dst"}
    rows = read(TailscaleFormat, message("nA", exitTraffic=[hidden, HERE | {"proto": 1}]))
    assert rows["reason"].to_list() == ["set aside: names no destination", NO_PORTS]
