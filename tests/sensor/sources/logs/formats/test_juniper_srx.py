"""Juniper SRX logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.juniper_srx import JuniperSrxFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

HEAD = "<14>1 2026-10-06T12:00:10.000+02:00 srx RT_FLOW - "
ENDS = 'source-address="10.1.2.3" source-port="40000" destination-address="192.0.2.7" destination-port="443" '


def test_structured_create_update_and_close_are_one_session() -> None:
    text = "\n".join(
        [
            HEAD
            + f'RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.1 {ENDS}protocol-id="6" session-id-32="7" username="ada"]',
            HEAD
            + f'APPTRACK_SESSION_VOL_UPDATE [junos@2636.1.1.1.2.1 {ENDS}protocol-id="6" session-id-32="7" bytes-from-client="5" bytes-from-server="6"]',
            HEAD
            + f'RT_FLOW_SESSION_CLOSE [junos@2636.1.1.1.2.1 reason="TCP FIN" {ENDS}protocol-id="6" session-id-32="7" packets-from-client="6" '
            'bytes-from-client="900" packets-from-server="4" bytes-from-server="70" elapsed-time="10" username="N/A"]',
            HEAD
            + f'RT_FLOW_SESSION_DENY [junos@2636.1.1.1.2.1 {ENDS}protocol-id="17" policy-name="x" reason="Denied by policy"]',
        ]
    )
    rows = read(JuniperSrxFormat, text)
    assert rows["session"].n_unique() == 2  # the denied one has none
    assert rows["phase"].to_list()[:3] == ["begin", "update", "end"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == (
        [None, 5, 900, None],
        [None, 6, 70, None],
    )
    assert rows["seen_at"].to_list()[2] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert rows["action"].to_list() == ["allowed"] * 3 + ["blocked"]
    assert rows["user_name"].to_list() == ["ada", None, None, None]


def test_plain_text() -> None:
    close = (
        "RT_FLOW_SESSION_CLOSE: session closed TCP CLIENT RST: 10.1.2.3/40000->192.0.2.7/443 0x0 junos-https 203.0.113.5/40000->192.0.2.7/443 0x0 "
        "N/A N/A static rule R 6 policy trust untrust 1546 60(52906) 47(26103) 3 UNKNOWN UNKNOWN ada(N/A) reth2.1010 UNKNOWN"
    )
    deny = "RT_FLOW_SESSION_DENY: session denied 10.1.2.3/40000->192.0.2.7/443 junos-https 6(0) policy trust untrust UNKNOWN"
    rows = read(
        JuniperSrxFormat, f"Oct  6 10:00:03 srx RT_FLOW: {close}\nOct  6 10:00:03 srx RT_FLOW: {deny}"
    )
    row = rows.row(0, named=True)
    assert (row["bytes_up"], row["bytes_down"], row["packets_up"], row["duration_s"]) == (
        52906,
        26103,
        60,
        3.0,
    )
    assert (row["user_name"], row["transport"], row["client"], row["server"]) == (
        "ada",
        "tcp",
        "10.1.2.3",
        "192.0.2.7",
    )
    assert rows["action"].to_list() == ["allowed", "blocked"]
    assert rows["transport"].to_list() == ["tcp", "tcp"]


def test_web_filter() -> None:
    structured = (
        HEAD
        + f'WEBFILTER_URL_BLOCKED [junos@2636.1.1.1.2.1 {ENDS}category="c" url="chat.example.com" obj="/v1?k" username="ada"]'
    )
    plain = (
        'Oct  6 10:00:00 srx RT_UTM: WEBFILTER_URL_PERMITTED: WebFilter: ACTION="URL Permitted" 10.1.2.3(40000)->192.0.2.7(80) CATEGORY="c" '
        "REASON=BY_OTHER PROFILE=p URL=chat.example.com OBJ=/v1 USERNAME=ada ROLES=N/A"
    )
    rows = read(JuniperSrxFormat, f"{structured}\n{plain}")
    assert rows["host"].to_list() == ["chat.example.com"] * 2
    assert rows["path"].to_list() == ["/v1"] * 2
    assert rows["user_name"].to_list() == ["ada"] * 2
    assert rows["action"].to_list() == ["blocked", "allowed"]
    assert rows["client"].to_list() == ["10.1.2.3"] * 2


def test_what_is_no_connection() -> None:
    text = "\n".join(
        [
            HEAD + f'RT_SCREEN_TCP [junos@2636.1.1.1.2.1 attack-name="x" {ENDS}action="drop"]',
            HEAD
            + 'RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.1 source-address="10.1.2.3" destination-address="192.0.2.7" protocol-id="1"]',
        ]
    )
    assert read(JuniperSrxFormat, text)["reason"].to_list() == [NO_CONNECTION, NO_PORTS]
