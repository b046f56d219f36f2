"""Sophos Firewall and UTM logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.sophos import SophosFormat
from sensor.sources.logs.text.reasons import MAIL, NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

HEAD = 'device_name="SFW" timestamp="2026-10-06T12:00:10+0200" device_serial_id="C1" log_id="010101600001" '
ENDS = 'src_mac="00:26:37:ee:47:20" src_ip="10.1.2.3" dst_ip="192.0.2.7" protocol="TCP" src_port=40000 dst_port=443 con_id="7" '


def test_start_request_and_stop_are_one_session() -> None:
    text = "\n".join(
        [
            HEAD
            + 'log_type="Firewall" log_component="Firewall Rule" log_subtype="Allowed" con_event="Start" '
            + ENDS,
            HEAD
            + 'log_type="Content Filtering" log_component="HTTP" log_subtype="Allowed" user="ada" url="https://chat.example.com/v1?k=s" '
            'domain="chat.example.com" user_agent="curl/8" http_status="200" bytes_sent=310 bytes_received=45 '
            + ENDS,
            HEAD
            + 'log_type="Firewall" log_component="Firewall Rule" log_subtype="Allowed" con_event="Stop" duration=10 '
            "bytes_sent=900 bytes_received=70 " + ENDS,
        ]
    )
    rows = read(SophosFormat, text)
    assert rows["session"].n_unique() == 1
    assert rows["phase"].to_list() == ["begin", "update", "end"]
    assert rows["kind"].to_list() == ["flow", "proxy", "flow"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == ([None, 310, 900], [None, 45, 70])
    row = rows.row(1, named=True)
    assert (row["host"], row["path"], row["user_name"], row["status"]) == (
        "chat.example.com",
        "/v1",
        "ada",
        200,
    )
    assert rows["seen_at"].to_list()[2] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_the_status_is_told_beside_its_older_name_left_empty() -> None:
    line = (
        HEAD + 'log_type="Content Filtering" log_component="HTTP" log_subtype="Allowed" user_name="ada" '
        'url="https://chat.example.com/v1" httpresponsecode="" status_code="416" sent_bytes=310 recv_bytes=45 '
        + ENDS
    )
    assert read(SophosFormat, line)["status"].to_list() == [416]


def test_records_without_addresses_are_of_no_session() -> None:
    """They all shared one, and the names in it."""
    line = (
        HEAD + 'log_type="Content Filtering" log_component="HTTP" log_subtype="Allowed" user_name="ada" '
        'url="https://chat.example.com/v1" src_ip="" dst_ip="" src_port=0 dst_port=0 con_id="0"'
    )
    assert read(SophosFormat, line)["session"].to_list() == [None]


def test_old_stamps_and_names() -> None:
    line = (
        'device="SFW" date=2026-10-06 time=12:00:00 timezone="CEST" device_name="XG" device_id=S1 log_id=010101600001 log_type="Firewall" '
        'log_component="Firewall Rule" log_subtype="Denied" user_name="ada" src_ip=10.1.2.3 dst_ip=192.0.2.7 protocol="UDP" src_port=1 '
        "dst_port=443 sent_bytes=0 recv_bytes=0"
    )
    row = read(SophosFormat, line).row(0, named=True)
    assert (row["seen_at"], row["action"], row["transport"]) == (
        datetime(2026, 10, 6, 10, tzinfo=UTC),
        "blocked",
        "udp",
    )


def test_logins_leases_and_other_events() -> None:
    login = (
        HEAD
        + 'log_type="Event" log_component="Firewall Authentication" log_subtype="Authentication" status="Successful" user_name="ada" src_ip=10.1.2.3'
    )
    dhcp = (
        HEAD
        + 'log_type="Event" log_component="DHCP Server" log_subtype="System" status="Renew" ipaddress="10.1.2.3" client_physical_address="00:26:37:ee:47:20" client_host_name="pc-7"'
    )
    wan = HEAD + 'log_type="SD-WAN" log_component="SLA" log_subtype="Information"'
    mail = (
        HEAD
        + 'log_type="Anti-Virus" log_component="SMTP" log_subtype="Virus" src_ip=10.1.2.3 dst_ip=192.0.2.7 protocol="TCP" dst_port=25'
    )
    icmp = (
        HEAD
        + 'log_type="Firewall" log_component="Firewall Rule" log_subtype="Allowed" src_ip=10.1.2.3 dst_ip=192.0.2.7 protocol="ICMP"'
    )
    rows = read(SophosFormat, "\n".join([login, dhcp, wan, mail, icmp]))
    assert rows["origin"].to_list()[:2] == ["directory", "dhcp"]
    assert rows["device"].to_list()[1] == "pc-7"
    assert rows["reason"].to_list() == [None, None, NO_CONNECTION, MAIL, NO_PORTS]


def test_utm() -> None:
    web = (
        '2026:10:06-10:00:00 utm httpproxy[5]: id="0001" severity="info" sys="SecureWeb" sub="http" name="http access" action="pass" method="GET" '
        'srcip="10.1.2.3" dstip="192.0.2.7" user="ada" ad_domain="CORP" statuscode="200" size="7" url="https://chat.example.com/p?q" ua="curl/8"'
    )
    packet = (
        '2026:10:06-10:00:00 utm ulogd[5]: id="2001" severity="info" sys="SecureNet" sub="packetfilter" name="Packet dropped" action="drop" '
        'srcmac="f8:0f:6f:9c:5e:2d" srcip="10.1.2.3" dstip="192.0.2.7" proto="6" length="103" srcport="1" dstport="443"'
    )
    rows = read(SophosFormat, f"{web}\n{packet}")
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert rows["user_name"].to_list() == ["CORP\\ada", None]
    assert rows["host"].to_list() == ["chat.example.com", None]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == ([None, None], [7, None])
    assert rows["action"].to_list() == ["allowed", "blocked"]


def test_a_warned_request_is_blocked_until_the_user_goes_on() -> None:
    line = (
        '2026:10:06-10:00:00 utm httpproxy[5]: id="{}" severity="info" sys="SecureWeb" sub="http" name="web request '
        'warned" {}method="GET" srcip="10.1.2.3" dstip="{}" user="ada" statuscode="{}" size="7" '
        'url="https://chat.example.com/p" ua="curl/8"'
    )
    warned = line.format("0071", 'action="warn" ', "", 403)
    gone_on = line.format("0072", "", "192.0.2.7", 200)
    found = read(SophosFormat, f"{warned}\n{gone_on}").select(
        "reason", "action", "host", "server", "bytes_down"
    )
    assert found.rows() == [
        (None, "blocked", "chat.example.com", None, 7),
        (None, "allowed", "chat.example.com", "192.0.2.7", 7),
    ]
