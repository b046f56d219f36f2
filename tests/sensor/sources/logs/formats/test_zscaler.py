"""Zscaler NSS feeds in the shapes their templates write."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.zscaler import ZscalerFormat
from sensor.sources.logs.text.reasons import NO_SERVICE, TUNNEL_ITSELF
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [
    (
        "elastic-zscaler_zia-web-web-http-endpoint.log",
        0,
        "path",
        "a CONNECT shows no path: what stands there is not seen",
    ),
    ("sekoia-zscaler-zia.jsonl", 1, "path", "its parser drops the slash"),
    ("sekoia-zscaler-zia.jsonl", 3, "path", "its parser takes the host of an undecrypted tunnel for a path"),
]
WEB = {
    "datetime": "Tue Oct  6 10:00:00 2026", "user": "ada@corp.example", "protocol": "HTTPS", "action": "Blocked",
    "url": "chat.example.com/v1/a?k=secret", "requestsize": "1200", "responsesize": "34", "ClientIP": "10.1.2.3",
    "clientpublicIP": "203.0.113.5", "serverip": "192.0.2.7", "requestmethod": "POST", "status": "403",
    "useragent": "Mozilla/5.0 (a b)", "devicehostname": "PC-7", "hostname": "chat.example.com", "urlsupercategory": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"sourcetype": "zscalernss-web", "event": WEB}),
        json.dumps({"sourcetype": "zscalernss-web", "event": WEB | {"useragent": "Mozilla/5.0%20(a%20b)"}}),
        "\t".join(f'{key}="{value}"' for key, value in WEB.items()),
        "2026-10-06 10:00:00\treason=Blocked\tevent_id=1\t"
        + "\t".join(f"{k}={v}" for k, v in WEB.items() if k != "datetime"),
        "\t".join(
            f'{key}=""{value}""' if key == "useragent" else f'{key}="{value}"' for key, value in WEB.items()
        ),
    ],
)
def test_a_web_record_says_the_same_in_every_shape(line: str) -> None:
    row = read(ZscalerFormat, line).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["user_name"], row["device"]) == ("10.1.2.3", "ada@corp.example", "PC-7")
    assert (row["host"], row["path"], row["server"], row["server_port"]) == (
        "chat.example.com",
        "/v1/a",
        "192.0.2.7",
        443,
    )
    assert (row["bytes_up"], row["bytes_down"], row["action"], row["status"]) == (1200, 34, "blocked", 403)
    assert row["user_agent"] == "Mozilla/5.0 (a b)"


def test_base64_urls_and_epochs_of_the_current_template() -> None:
    event = {"epochtime": "1791280800", "time": "Tue Oct  6 03:00:00 2026", "login": "ada@corp.example", "cltintip": "10.1.2.3",
             "cltip": "203.0.113.5", "b64url": "Y2hhdC5leGFtcGxlLmNvbS9h", "reqsize": "9", "respsize": "8", "action": "Allowed"}  # fmt: skip
    row = read(ZscalerFormat, json.dumps({"sourcetype": "zscalernss-web", "event": event})).row(0, named=True)
    assert (row["seen_at"], row["host"], row["path"]) == (
        datetime(2026, 10, 6, 10, tzinfo=UTC),
        "chat.example.com",
        "/a",
    )
    assert row["client"] == "10.1.2.3"


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ({"cip": "10.1.2.3", "cintip": "203.0.113.5"}, "10.1.2.3"),
        ({"cltip": "10.1.2.3", "cltintip": "203.0.113.5", "cltpubip": "203.0.113.6"}, "10.1.2.3"),
        ({"cip": "203.0.113.5", "cintip": "10.1.2.3"}, "10.1.2.3"),  # some templates exchange them
        ({"cip": "203.0.113.5", "cintip": "203.0.113.6"}, "203.0.113.5"),
        ({"cip": "NA", "cintip": "203.0.113.6"}, "203.0.113.6"),
    ],
)
def test_the_clients_own_address_goes_before_the_one_it_is_translated_to(
    told: dict[str, str], client: str
) -> None:
    event = {
        "time": "Tue Oct  6 10:00:00 2026",
        "eurl": "claude.ai/",
        "reqdatasize": "9",
        "action": "Allowed",
    }
    assert read(ZscalerFormat, json.dumps(event | told))["client"].to_list() == [client]


@pytest.mark.parametrize(
    "line",
    [
        '{"sourcetype":"zscalernss-web","event":{"datetime":"2026-10-06 10:00:00","user":"HQ","location":"HQ",'
        '"ClientIP":"10.1.2.3","url":"claude.ai/","action":"Allowed"}}',
        "CEF:0|Zscaler|NSSWeblog|5.7|Allowed|Allowed|3|act=Allowed suser=HQ spriv=HQ src=10.1.2.3 "
        "request=claude.ai/ rt=1791280800000",
        '"Tue Oct  6 10:00:00 2026","HQ","IT","HQ",443,50000,443,20000,"10.1.2.3","192.0.2.7","203.0.113.1",'
        '"192.0.2.8","10.9.0.1",0,"GRE","Allow","No","Yes","No","HTTPS","ai","TCP","AI","US",9,"Web",7000,900,9,9000,1',
    ],
)
def test_a_location_that_stands_for_its_users_is_no_person(line: str) -> None:
    (row,) = read(ZscalerFormat, line).rows(named=True)
    assert (row["client"], row["user_name"]) == ("10.1.2.3", None)


def test_the_consoles_table_has_what_was_sent_and_received() -> None:
    record = {"No.": "1", "Event Time": "Tuesday, October 06, 2026 10:00:00 AM GMT", "User": "ada@corp.example", "URL": "claude.ai/a",
              "Policy Action": "Allowed", "Client IP": "10.1.2.3", "Sent Bytes": "1200", "Received Bytes": "34"}  # fmt: skip
    row = read(ZscalerFormat, json.dumps(record)).row(0, named=True)
    assert (row["client"], row["host"], row["bytes_up"], row["bytes_down"]) == (
        "10.1.2.3",
        "claude.ai",
        1200,
        34,
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_firewall_bytes_are_seen_from_the_client() -> None:
    event = {"datetime": "Tue Oct  6 10:00:00 2026", "csip": "10.1.2.3", "csport": "5000", "cdip": "192.0.2.7", "cdport": "443",
             "sdip": "192.0.2.8", "sdport": "443", "inbytes": "100", "outbytes": "7", "durationms": "2000", "action": "Block/Drop",
             "proto": "TCP", "user": "ada"}  # fmt: skip
    row = read(ZscalerFormat, json.dumps({"sourcetype": "zscalernss-fw", "event": event})).row(0, named=True)
    assert (row["kind"], row["bytes_up"], row["bytes_down"], row["action"]) == ("flow", 7, 100, "blocked")
    assert (row["server"], row["transport"], row["duration_s"]) == ("192.0.2.8", "tcp", 2.0)


@pytest.mark.parametrize(
    ("word", "ours"),
    [("IPS Drop", "blocked"), ("IPS Reset", "blocked"), ("Block/ICMP", "blocked"), ("Dropped due to internal error", "blocked"),
     ("Allow due to insufficient app data", "allowed"), ("Bypassed due to missing config", "allowed")],
)  # fmt: skip
def test_what_the_firewall_did(word: str, ours: str) -> None:
    event = {
        "datetime": "Tue Oct  6 10:00:00 2026",
        "csip": "10.1.2.3",
        "cdip": "192.0.2.7",
        "cdport": "443",
        "action": word,
    }
    rows = read(ZscalerFormat, json.dumps({"sourcetype": "zscalernss-fw", "event": event}))
    assert rows["action"].to_list() == [ours]


def test_the_server_of_a_lookup_is_the_resolver() -> None:
    event = {"datetime": "Tue Oct  6 10:00:00 2026", "clt_sip": "10.1.2.3", "srv_dip": "10.0.0.53", "dns_req": "chat.example.com",
             "dns_resp": "192.0.2.7", "reqaction": "REQ_BLOCK"}  # fmt: skip
    row = read(ZscalerFormat, json.dumps({"sourcetype": "zscalernss-dns", "event": event})).row(0, named=True)
    assert (row["kind"], row["host"], row["server"], row["action"]) == (
        "dns",
        "chat.example.com",
        "10.0.0.53",
        "blocked",
    )
    assert row["answers"] == ["192.0.2.7"]


def test_other_feeds_are_set_aside() -> None:
    line = '{"sourcetype":"zscalernss-tunnel","event":{"datetime":"Tue Oct  6 10:00:00 2026","sourceip":"10.1.2.3"}}'
    tunnel = (
        "Tue Oct  6 10:00:00 2026\tRecordtype=Tunnel Samples\ttunneltype=GRE\tuser=vpn1\tsourceip=203.0.113.7"
    )
    found = read(ZscalerFormat, f"{line}\n{tunnel}\tdestinationip=192.0.2.1\ttxbytes=5000")
    assert found["reason"].to_list() == [NO_SERVICE, TUNNEL_ITSELF]


def test_cef() -> None:
    line = (
        "CEF:0|Zscaler|NSSWeblog|5.0|Allowed|Allowed|3|act=Allowed suser=ada@corp.example src=10.1.2.3 dst=192.0.2.7 "
        "dhost=chat.example.com request=chat.example.com/a in=34 out=1200 requestMethod=GET outcome=200 rt=1791280800000"
    )
    row = read(ZscalerFormat, line).row(0, named=True)
    assert (row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == (
        "chat.example.com",
        "/a",
        1200,
        34,
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_leef_names_the_client_behind_the_address_and_a_firewalls_connections() -> None:
    shared = "cat=Allowed\tdevTime=Oct 06 2026 10:00:00 GMT\tusrName=ada\tsrcBytes=1200\tdstBytes=34\t"
    web = "dst=192.0.2.7\tsrcPostNAT=10.1.2.3\turl=chat.example.com/a\thostname=chat.example.com"
    wall = "src=10.1.2.3\tsrcPort=50000\tdst=192.0.2.7\tdstPort=443\tproto=TCP\tdurationms=2000"
    found = read(
        ZscalerFormat, "\n".join(f"LEEF:1.0|Zscaler|NSS|4.1|Allowed|{shared}{own}" for own in (web, wall))
    )
    assert found.select("kind", "client", "host", "server_port", "bytes_up", "bytes_down").rows() == [
        ("proxy", "10.1.2.3", "chat.example.com", None, 1200, 34),
        ("flow", "10.1.2.3", None, 443, 1200, 34),
    ]
    assert found["seen_at"][1] == datetime(2026, 10, 6, 9, 59, 58, tzinfo=UTC)


def test_default_csv_of_firewall_and_dns() -> None:
    found = read(
        ZscalerFormat,
        '"Tue Oct  6 10:00:00 2026","jane@acme.example","IT, Dev","HQ",443,50000,443,20000,"10.1.2.3","192.0.2.7",'
        '"203.0.113.1","192.0.2.8","10.9.0.1",0,"GRE","Allow","No","Yes","No","HTTPS","ai","TCP","AI","US",9000,"Web",'
        "7000,900,9,9000,1\n"
        '"Tue Oct  6 10:00:00 2026","jane@acme.example","IT","HQ","443","50000","0","0","10.1.2.3","192.0.2.7",'
        '"0.0.0.0","0.0.0.0","10.9.0.1","0","GRE","Block/Drop","No","No","No","HTTPS","ai","TCP","AI","US","0","Deny",'
        '"0","0","0","0","1"\n'
        '"Tue Oct  6 10:00:00 2026","jane@acme.example","IT","HQ","REQ_ALLOW","RES_BLOCK","All","No AI","A",'
        '"chat.example.com","192.0.2.7",53,3,"10.1.2.3","192.0.2.53","AI","jane","LAP7"\n',
    )
    wanted = (
        "kind",
        "client",
        "user_name",
        "device",
        "host",
        "server",
        "server_port",
        "bytes_up",
        "bytes_down",
        "action",
    )
    assert found.select(wanted).rows() == [
        ("flow", "10.1.2.3", "jane@acme.example", None, None, "192.0.2.8", 443, 900, 7000, "allowed"),
        ("flow", "10.1.2.3", "jane@acme.example", None, None, "192.0.2.7", 443, 0, 0, "blocked"),
        ("dns", "10.1.2.3", "jane@acme.example", "LAP7", "chat.example.com", "192.0.2.53", None, None, None, "blocked"),
    ]  # fmt: skip
    assert found["duration_s"].to_list() == [9.0, 0.0, None]
