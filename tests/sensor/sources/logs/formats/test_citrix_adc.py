"""Audit messages of Citrix ADC and Gateway."""

from __future__ import annotations

from sensor.sources.logs.formats.citrix_adc import CitrixAdcFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.held import SIGN_IN_CONFIDENCE, SIGN_IN_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_SIGN_IN, REPEATED
from tests.sensor.sources.logs.formats.reading import read


def line(message: str, stamp: str = "10/06/2026:10:00:05 GMT") -> str:
    return f"<134> {stamp} ns1 0-PPE-0 : default {message}"


def test_of_a_terminated_connection_the_service_port_is_the_server() -> None:
    bytes_ = "Total_bytes_send 870 - Total_bytes_recv 5120"
    times = "Start Time 10/06/2026:10:00:00 GMT - End Time 10/06/2026:10:00:05 GMT"
    rows = read(
        CitrixAdcFormat,
        line(
            f"TCP CONN_TERMINATE 7 0 :  Source 203.0.113.5:443 - Destination 198.51.100.9:50123 - {times} - {bytes_}"
        )
        + "\n"
        + line(
            "TCP CONN_DELINK 8 0 :  Source 198.51.100.9:50123 - Vserver 203.0.113.5:443 - NatIP 10.9.0.1:5000 - "
            f"Destination 10.20.0.9:8080 - Delink Time 10/06/2026:10:00:05 GMT - {bytes_}"
        ),
    )
    found = rows.select("client", "client_port", "server", "server_port", "bytes_up", "bytes_down").rows()
    assert found == [
        ("198.51.100.9", 50123, "203.0.113.5", 443, 5120, 870),
        ("198.51.100.9", 50123, "10.20.0.9", 8080, 870, 5120),
    ]
    assert rows["reason"].to_list() == [REPEATED, None]  # one exchange, counted once
    assert rows["duration_s"].to_list()[0] == 5.0
    assert [at.strftime("%H:%M:%S") for at in rows["seen_at"]] == ["10:00:00", "10:00:05"]


def test_requests_denials_and_violations_name_who_and_where() -> None:
    rows = read(
        CitrixAdcFormat,
        "\n".join(
            (
                line(
                    "SSLVPN HTTPREQUEST 1 0 : Context jane@198.51.100.9 - SessionId: 4 - wiki.example.org User jane : "
                    "Group(s) N/A : Vserver 203.0.113.5:443 - 10/06/2026:10:00:05 GMT : SSO is ON : GET /a/b - -"
                ),
                line(
                    'SSLVPN Message 2 0 :  "SSLVPN Mux Authorize result is Deny, User <jane>, Srcip: 10.9.0.7, '
                    'Dstip: 192.0.2.7, denied_by_policy: p"'
                ),
                line(
                    "APPFW APPFW_STARTURL 3 0 :  198.51.100.9 6-PPE1 abc pr https://llm.example.org/v1/a Disallow "
                    "Illegal URL: https://llm.example.org/v1/a <blocked>"
                ),
            )
        ),
    )
    assert rows.select("client", "user_name", "host", "path", "server", "action").rows() == [
        ("198.51.100.9", "jane", "wiki.example.org", "/a/b", None, "allowed"),
        ("10.9.0.7", "jane", None, None, "192.0.2.7", "blocked"),
        ("198.51.100.9", None, "llm.example.org", "/v1/a", None, "blocked"),
    ]


def test_ica_sessions_have_no_volume_and_other_events_are_set_aside() -> None:
    rows = read(
        CitrixAdcFormat,
        "\n".join(
            (
                line(
                    "SSLVPN ICAEND_CONNSTAT 1 0 :  [TCP] [CGP] Source 198.51.100.9:50123 - Destination "
                    "10.20.0.9:2598 - customername  - username:domainname jane:corp - startTime "
                    '"10/06/2026:09:00:00 GMT" - endTime "10/06/2026:10:00:00 GMT" - Duration 01:00:00  - '
                    "Total_bytes_send 64264203 - Total_bytes_recv 3132197",
                ),
                line("EVENT MONITORUP 2 0 :  Monitor m_login.example.com:443 - State UP"),
                line(
                    'CLI CMD_EXECUTED 3 0 :  User root - Remote_ip 10.0.0.9 - Command "logout" - Status "Success"'
                ),
                # The day went to an envelope.
                "10:00:05 GMT ns1 0-PPE-1 : default SNMP TRAP_SENT 0 0 : entityup (nsPartitionName = default)",
            )
        ),
    )
    assert rows["user_name"].to_list()[0] == "jane"
    assert rows["bytes_up"].null_count() == rows.height
    assert rows["duration_s"].to_list()[0] == 3600.0
    assert rows["reason"].to_list() == [None, NO_CONNECTION, NO_CONNECTION, NO_CONNECTION]


def test_start_and_end_of_an_ica_session_are_one() -> None:
    tail = (
        "Source 198.51.100.9:50123 - Destination 10.20.0.9:1494 - customername  - username:domainname jane:corp - {}"
        'startTime "10/06/2026:09:00:00 GMT" - {}connectionId 77'
    )
    ended = 'endTime "10/06/2026:10:00:00 GMT" - Duration 01:00:00  - Total_bytes_send 64 - Total_bytes_recv 31 - '
    text = (
        line("SSLVPN ICASTART 1 0 :  " + tail.format("applicationName Desk - ", ""))
        + "\n"
        + line("SSLVPN ICAEND_CONNSTAT 2 0 :  " + tail.format("", ended))
    )
    found = Sessions().take(read(CitrixAdcFormat, text))
    assert found.select("slice", "phase", "session", "duration_s", "client", "server_port").rows() == [
        (0, "begin", "77", None, "198.51.100.9", 1494),
        (1, "end", "77", 3600.0, "198.51.100.9", 1494),
    ]


def test_halves_of_an_exchange_are_known_by_the_appliances_own_address_too() -> None:
    bytes_ = "Total_bytes_send 870 - Total_bytes_recv 5120"
    times = "Start Time 10/06/2026:10:00:00 GMT - End Time 10/06/2026:10:00:0{} GMT"
    half = "TCP CONN_TERMINATE 7 0 :  Source 10.20.0.9:8080 - Destination {} - {} - " + bytes_
    whole = (
        "TCP CONN_DELINK 8 0 :  Source 198.51.100.9:50123 - Vserver 203.0.113.5:443 - NatIP 10.9.0.1:5000 - "
        f"Destination 10.20.0.9:8080 - Delink Time 10/06/2026:10:00:02 GMT - {bytes_}"
    )
    texts = (
        whole,
        half.format("10.9.0.1:5000", times.format(4)),
        half.format("10.9.0.1:5000", times.format(9)),  # the same port, later
        half.format("10.9.0.1:6000", times.format(4)),  # another connection
    )
    found = read(CitrixAdcFormat, "\n".join(line(text) for text in texts))
    assert found["reason"].to_list() == [None, REPEATED, None, None]


def test_heads_without_packet_engine_or_without_any() -> None:
    old = (
        "<134> 10/06/2026:10:00:05 GMT ns1 ABC-D : SSLVPN HTTPREQUEST 12 : Context jane@198.51.100.9 - SessionId: 4- "
        "wiki.example.org User jane : Group(s) N/A : Vserver 203.0.113.5:443 - 10/06/2026:10:00:05 GMT GET /a/b - -"
    )
    login = "Oct  6 10:00:00 [289]: AAA Message : In receive_ldap_user_search_event: user jane not found"
    found = read(CitrixAdcFormat, f"{old}\n{login}")
    assert found.select("client", "user_name", "host", "method", "path", "reason").rows() == [
        ("198.51.100.9", "jane", "wiki.example.org", "GET", "/a/b", None),
        (None, None, None, None, None, NO_CONNECTION),
    ]


def test_logins_say_whose_the_address_is() -> None:
    who = "Context jane@198.51.100.9 - SessionId: 4- User jane - Client_ip 198.51.100.9"
    inside, vserver = "Nat_ip 10.9.0.7", "Vserver 203.0.113.5:443"
    times = 'Start_time "10/06/2026:10:00:05 GMT" - End_time "10/06/2026:11:00:05 GMT" - Duration 01:00:00 '
    rows = read(
        CitrixAdcFormat,
        "\n".join(
            (
                line(f'SSLVPN LOGIN 1 0 : {who} - {inside} - {vserver} - Browser_type "Mozilla - 5.0"'),
                line(f'SSLVPN LOGIN 2 0 : {who} - Nat_ip "Mapped Ip" - {vserver} - SSLVPN_client_type ICA'),
                line(
                    f"SSLVPN LOGOUT 3 0 : {who} - {inside} - {vserver} - {times}", "10/06/2026:11:00:05 GMT"
                ),
                line(f'SSLVPN LOGOUT 4 0 : {who} - Nat_ip "Mapped Ip" - {vserver} - {times}'),
            )
        ),
    )
    told = rows.select("client", "user_name", "lease_s", "closes", "confidence", "origin", "reason")
    assert told.rows()[:3] == [
        ("10.9.0.7", "jane", 43_200.0, False, None, "vpn", None),
        # Others may be behind the client's own address, now and when this person leaves.
        ("198.51.100.9", "jane", SIGN_IN_S, False, SIGN_IN_CONFIDENCE, "directory", None),
        ("10.9.0.7", "jane", None, True, None, "vpn", None),
    ]
    assert (told["closes"][3], told["reason"][3]) == (False, NO_SIGN_IN)
    assert [at.hour for at in rows["seen_at"]] == [10, 10, 11, 10]
    assert rows["lease_from"][2].hour == 10


def test_a_check_whose_name_has_a_blank() -> None:
    (row,) = read(
        CitrixAdcFormat,
        line(
            "APPFW APPFW_cross-site scripting 60 0 : 198.51.100.9 6-PPE1 abc pr https://llm.example.org/v1/a?b=c "
            'Cross-site script check failed for field b="Bad tag: script" <blocked>'
        ),
    ).iter_rows(named=True)
    assert (row["client"], row["host"], row["path"], row["action"]) == (
        "198.51.100.9", "llm.example.org", "/v1/a", "blocked",
    )  # fmt: skip
