"""NextDNS downloads: by the header's names, whatever their order."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.nextdns import NextdnsFormat
from tests.sensor.sources.logs.formats.reading import read

HEAD = (
    "timestamp,domain,query_type,dnssec,protocol,client_ip,status,reasons,destination_country,"
    "root_domain,device_id,"
    "device_name,device_model,device_local_ip,matched_name,client_name\n"
)


def test_lookups() -> None:
    text = HEAD + (
        "2026-11-22T10:00:00.000Z,chat.example.com,A,false,DNS-over-HTTPS,203.0.113.9,default,,US,"
        "example.com,A1B2C,"
        "Ann's phone,Pixel,10.1.0.7,,\n"
        '2026-11-22T10:00:01.000Z,ads.example.com,AAAA,false,UDP,203.0.113.9,blocked,"blocklist:a,b",,'
        "example.com,,,,,,\n"
    )
    found = read(NextdnsFormat, text)
    found = found.filter(found["host"].is_not_null())
    assert found.select("client", "device", "host", "action").rows() == [
        ("10.1.0.7", "Ann's phone", "chat.example.com", "allowed"),
        ("203.0.113.9", None, "ads.example.com", "blocked"),
    ]


def test_api_objects() -> None:
    entry = {"timestamp": "2026-11-22T10:00:00.123Z", "domain": "chat.example.com", "root": "example.com",
    "encrypted": True,
             "protocol": "DNS-over-HTTPS", "clientIp": "203.0.113.9", "device": {"id": "AB",
             "name": "phone"}, "status": "blocked"}  # fmt: skip
    (row,) = read(NextdnsFormat, json.dumps({"data": [entry], "meta": {}}) + "\n").rows(named=True)
    assert (row["client"], row["device"], row["host"], row["action"]) == (
        "203.0.113.9",
        "phone",
        "chat.example.com",
        "blocked",
    )


def test_fewer_columns() -> None:
    found = read(
        NextdnsFormat,
        "timestamp,domain,query_type,client_ip,status\n2026-11-22T10:00:00Z,a.example.com,A,10.1.0.7,error\n",
    )
    assert found.filter(found["host"].is_not_null()).select("client", "action").rows() == [
        ("10.1.0.7", "unknown")
    ]
