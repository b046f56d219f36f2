"""Palo Alto Cloud NGFW: the traffic log has the volume, the decryption log the name, of the same session."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.cloud_ngfw import CloudNgfwFormat
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

SIDES = {
    "src_ip": "10.1.0.7", "sport": "49152", "dport": "443", "proto": "tcp", "app": "ssl", "rule": "web", "action": "allow",
}  # fmt: skip
TRAFFIC = SIDES | {
    "dst_ip": "192.0.2.7", "bytes_recv": "900", "bytes_sent": "5120", "start_time": "2026/10/06 10:00:00",
    "elapsed_time": "61", "session_end_reason": "tcp-fin",
}  # fmt: skip


def test_a_session_and_its_name() -> None:
    named = SIDES | {
        "dst": "192.0.2.7",
        "tls_version": "TLS1.2",
        "server_name_indication": "chat.example.com",
    }
    wrapped = {"TimeGenerated": "2026-10-06T10:01:05Z", "Message": json.dumps(named), "Type": "fluentbit_CL"}
    session, name = read(CloudNgfwFormat, json.dumps(TRAFFIC) + "\n" + json.dumps(wrapped) + "\n").iter_rows(
        named=True
    )
    assert (session["kind"], session["client"], session["server"], session["action"]) == (
        "flow", "10.1.0.7", "192.0.2.7", "allowed",
    )  # fmt: skip
    assert (session["bytes_up"], session["bytes_down"], session["duration_s"]) == (5120, 900, 61)
    assert session["seen_at"].isoformat() == "2026-10-06T10:00:00+00:00"
    assert (name["kind"], name["host"], name["bytes_up"]) == ("tls", "chat.example.com", None)
    assert name["seen_at"].isoformat() == "2026-10-06T10:01:05+00:00"
    assert (session["session"], session["phase"], name["phase"]) == (name["session"], "end", "name")


def test_a_refused_session_a_threat_and_a_ping() -> None:
    threat = SIDES | {"dst": "192.0.2.7", "threat_category": "x", "threat_content_type": "spyware"}
    cut_off = TRAFFIC | {"session_end_reason": "threat", "pkts_sent": "9"}
    events = (TRAFFIC | {"action": "reset both"}, threat, TRAFFIC | {"proto": "icmp"}, cut_off)
    found = read(CloudNgfwFormat, "".join(json.dumps(event) + "\n" for event in events))
    assert (found["action"][0], found["action"][3], found["packets_up"][3]) == ("blocked", "blocked", 9)
    assert found["reason"].to_list() == [None, ALERT, NO_PORTS, None]
