"""Infoblox: the query log's dialect (read as BIND's), RPZ and DNS responses in CEF, BloxOne leases."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.bind import BindFormat
from sensor.sources.logs.formats.infoblox import InfobloxFormat
from sensor.sources.logs.text.reasons import NO_LOOKUP, NOT_HELD
from tests.sensor.sources.logs.formats.reading import read

_SERVER = "zone transfers, updates and rewrites of the server itself are no client's lookup"
ARGUED = [("elastic-infoblox_nios-log-dns.log", (9, 11, 13, 14, 15, 16), "used", _SERVER)]
HEAD = "<30>Nov 22 10:00:00 ns1 named[1]: "


def test_query_log_with_and_without_a_colon_after_the_port() -> None:
    line = "22-Nov-2026 10:00:00.043 client 10.1.0.7#57398{} UDP: query: chat.example.com IN A response: {}\n"
    text = (
        HEAD
        + line.format("", "NOERROR +ED chat.example.com. 60 IN A 203.0.113.5;")
        + HEAD
        + line.format(":", "REFUSED -")
    )
    found = read(BindFormat, text)
    assert found.select("client", "client_port", "host", "action").rows() == [
        ("10.1.0.7", 57398, "chat.example.com", "allowed"), ("10.1.0.7", 57398, "chat.example.com",
        "blocked"),
    ]  # fmt: skip
    assert found["answers"][0].to_list() == ["203.0.113.5"]


def test_policy_hits_and_responses_in_cef() -> None:
    text = (
        HEAD + "CEF:0|Infoblox|NIOS|8.6.2|RPZ-QNAME|NXDOMAIN|7|app=DNS dst=10.1.0.53 src=10.1.0.7 "
        "spt=51424 view=_default "
        'qtype=A msg="rpz QNAME NXDOMAIN rewrite chat.example.com [A] via chat.example.com.rpz.example" '
        "CAT=RPZ\n"
        + "CEF:0|Infoblox|Data Connector|2.1.3|DNS Response|DNS Response A IN NOERROR|1|src=10.1.0.8 "
        "suser=ann shost=ann-pc "
        "InfobloxDNSQName=api.example.com. InfobloxDNSQType=A InfobloxDNSRCode=NOERROR rt=Nov 22 2026 "
        "10:00:00\n" + "CEF:0|Infoblox|NIOS|8.6.2|ADMIN|login|3|src=10.1.0.9 rt=Nov 22 2026 10:00:00\n"
    )
    found = read(InfobloxFormat, text)
    (told,) = read(InfobloxFormat, text.split("\n")[0].replace("rpz QNAME", "disabled rpz QNAME")).rows(
        named=True
    )
    assert told["action"] == "allowed"
    assert found.select("client", "user_name", "host", "action", "reason").rows() == [
        ("10.1.0.7", None, "chat.example.com", "blocked", None),
        ("10.1.0.8", "ann", "api.example.com", "allowed", None),
        ("10.1.0.9", None, None, None, NO_LOOKUP),
    ]


def test_leases() -> None:
    lease = {
        "address": "10.1.0.7", "client_id": "x", "hardware": "02:00:00:00:00:0A", "hostname": "ann-pc",
        "ha_group": "",
        "starts": "2026-11-22T10:00:00.417Z", "ends": "2026-11-22T18:00:00Z", "state": "used",
        "preferred_lifetime": None,
    }  # fmt: skip
    found = read(InfobloxFormat, json.dumps(lease) + "\n" + json.dumps(lease | {"state": "free"}) + "\n")
    (row, freed) = found.rows(named=True)
    assert (row["kind"], row["client"], row["client_mac"], row["device"]) == (
        "lease",
        "10.1.0.7",
        "02:00:00:00:00:0a",
        "ann-pc",
    )
    assert row["lease_to"].isoformat() == "2026-11-22T18:00:00+00:00"
    assert freed["reason"] == NOT_HELD


def test_hits_of_threat_protection() -> None:
    text = (
        HEAD + "CEF:0|Infoblox|NIOS Threat|8.6.2|120303001|Blacklist:chat.example.com|7|src=10.1.0.7 spt=51424 "
        'dst=10.1.0.53 dpt=53 act="DROP" cat="Blacklist" nat=0 fqdn=chat.example.com hit_count=1'
    )  # fmt: skip
    (row,) = read(InfobloxFormat, text).rows(named=True)
    assert (row["kind"], row["client"], row["client_port"], row["host"], row["action"]) == (
        "dns", "10.1.0.7", 51424, "chat.example.com", "blocked",
    )  # fmt: skip
