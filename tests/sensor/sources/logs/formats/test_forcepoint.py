"""Forcepoint and Websense logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.forcepoint import ForcepointFormat
from sensor.sources.logs.text.reasons import NO_SERVICE
from tests.sensor.sources.logs.formats.reading import read

CEF = (
    "0|Forcepoint|Security|8.5.4|222|Transaction permitted|1| act={} app=https dvc=10.9.9.9 dst=192.0.2.7 dhost=a.example.com dpt=443 "
    "src=10.1.2.3 spt=50345 suser=LDAP://10.0.0.1 OU\\=Org,DC\\=corp/Ada Lovelace loginID=ada rt=1791280800000 in=103 out=39 "
    "requestMethod=POST requestClientApplication=Mozilla/5.0 (a b) request=https://a.example.com/p?q"
)


@pytest.mark.parametrize("head", ["", "CEF:", " "])
def test_web_cef_with_and_without_its_head(head: str) -> None:
    row = read(ForcepointFormat, head + CEF.format("permitted")).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["kind"], row["client"], row["user_name"], row["host"], row["path"]) == (
        "proxy", "10.1.2.3", "ada", "a.example.com", "/p",
    )  # fmt: skip
    assert (row["bytes_up"], row["bytes_down"], row["action"]) == (39, 103, "allowed")


def test_a_blocked_transaction() -> None:
    assert read(ForcepointFormat, CEF.format("blocked"))["action"].to_list() == ["blocked"]


def test_pairs_of_websense() -> None:
    line = (
        "vendor=Websense product=Security product_version=7.7.0 action=permitted severity=1 category=153 user=LDAP://10.0.0.1 OU=Users,DC=corp/Ada "
        "loginID=- src_host=10.1.2.3 src_port=1234 dst_host=a.example.com dst_ip=192.0.2.7 dst_port=443 bytes_out=197 bytes_in=76 http_response=200 "
        "http_method=GET http_user_agent=Mozilla/5.0_(a) reason=- duration=64 url=https://a.example.com/p timestamp=1791280800"
    )
    row = read(ForcepointFormat, line).row(0, named=True)
    assert (row["user_name"], row["client"], row["bytes_up"], row["bytes_down"]) == (
        "Ada",
        "10.1.2.3",
        197,
        76,
    )


def test_cloud_report_has_the_day_first() -> None:
    line = (
        '"05/10/2026","07:05:25","ada","Not available","Trusted","Blocked","None","Policy","a.example.com:443/","203.0.113.9","192.0.2.7",'
        '"Not available","None","None","Java/11","200","Connect"'
    )
    row = read(ForcepointFormat, line).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 5, 7, 5, 25, tzinfo=UTC)
    assert (row["host"], row["server_port"], row["client"], row["action"]) == (
        "a.example.com",
        443,
        "203.0.113.9",
        "blocked",
    )
    assert row["device"] is None


def test_a_cloud_report_tells_the_client_behind_a_sites_own_address() -> None:
    line = (
        '"16/10/2026","07:05:49","ada","pc1","Trusted","Allowed","None","Policy","HTTPS://a.example.com/p","203.0.113.9",'
        '"192.0.2.7","10.1.2.3","None","None","Mozilla/5.0","200","Get"'
    )
    row = read(ForcepointFormat, line).row(0, named=True)
    assert (row["client"], row["server"], row["path"]) == ("10.1.2.3", "192.0.2.7", "/p")
    assert (row["user_name"], row["device"], row["roams"]) == ("ada", "pc1", True)


def test_cloud_report_by_its_head() -> None:
    text = (
        '"Date","Time","User","Action","URL","Source IP","Bytes Sent","Bytes Received"\n'
        '"05/10/2026","07:05:25","ada","Allowed","https://a.example.com/p","10.1.2.3","12","34"\n'
    )
    row = read(ForcepointFormat, text).row(0, named=True)
    assert (row["client"], row["path"], row["bytes_up"], row["bytes_down"]) == ("10.1.2.3", "/p", 12, 34)


def test_ngfw() -> None:
    allowed = (
        "LEEF:1.0|Forcepoint|Firewall|7.1.5|Connection_Allowed|devTimeFormat=MMM dd yyyy HH:mm:ss\tsrc=10.1.2.3\tdst=192.0.2.7\tsrcPort=63200\t"
        "dstPort=443\tproto=6\tdevTime=Aug 06 2026 14:15:28\taction=Allow"
    )
    row = read(ForcepointFormat, allowed).row(0, named=True)
    assert (row["kind"], row["transport"], row["server_port"], row["action"]) == (
        "flow",
        "tcp",
        443,
        "allowed",
    )
    lost = "CEF:0|FORCEPOINT|Firewall|6.10.0|76527|Sandbox_Unsupported|0|deviceExternalId=n dvchost=10.9.9.9 rt=Sep 14 2026 14:06:26"
    assert read(ForcepointFormat, lost)["reason"].to_list() == [NO_SERVICE]


def test_the_endpoints_agent_says_who_is_logged_in_where() -> None:
    line = "CEF:0|FORCEPOINT|Firewall|7.1.5|1|ECA_Metadata_{}|0|rt=Oct 06 2026 {}:00:00 src=10.1.2.3 suser=ada dvchost=10.9.9.9"
    found = read(ForcepointFormat, line.format("login", 10) + "\n" + line.format("logout", 11))
    assert found.select("kind", "client", "user_name", "lease_s", "closes", "origin", "reason").rows() == [
        ("lease", "10.1.2.3", "ada", 36_000.0, False, "directory", None),
        ("lease", "10.1.2.3", "ada", 0.0, True, "directory", None),
    ]
    assert [at.hour for at in found["seen_at"]] == [10, 11]


def test_forcepoint_one_tells_host_and_path_apart_and_a_block_among_other_actions() -> None:
    web = {
        "syslogheader": "<110>1 2026-10-06T10:00:00Z api.example.net - - swgweb", "time": "06 Oct 2026 10:00:00",
        "ipaddress": "198.51.100.7", "email": "ada@example.org", "devicehostname": "ada-pc", "protocol": "https",
        "requestdomain": "chat.example.com", "uri": "/v1/a", "requestmethod": "POST", "uploadedbytes": "5120",
        "size": "900", "action": "allow",
    }  # fmt: skip
    access = {
        "syslogheader": "<114>1 2026-10-06T10:00:00Z api.example.net - - access", "time": "06 Oct 2026 10:00:00",
        "transactionid": "x", "ipaddress": "198.51.100.7", "email": "ada@example.org", "activity": "Uploaded, Web",
        "url": "chat.example.com/v1/a", "action": "Alert, Blocked, DLP, Notify",
    }  # fmt: skip
    found = read(ForcepointFormat, json.dumps(web) + "\n" + json.dumps(access) + "\n")
    assert found.select("client", "user_name", "host", "path", "bytes_up", "bytes_down", "action").rows() == [
        ("198.51.100.7", "ada@example.org", "chat.example.com", "/v1/a", 5120, 900, "allowed"),
        ("198.51.100.7", "ada@example.org", "chat.example.com", "/v1/a", None, None, "blocked"),
    ]
