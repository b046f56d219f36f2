"""W3C extended logs of proxies: by header, by default format, as key=value and JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from sensor.sources.logs.formats.elff import ElffFormat
from sensor.sources.logs.text.reasons import CHALLENGE, HEADER
from tests.sensor.sources.logs.formats.reading import read, rows

HEAD = (
    "#Software: SGOS 7.3.1.1\n#Version: 1.0\n"
    "#Fields: date time time-taken c-ip cs-username sc-filter-result sc-status s-action cs-method cs-uri-scheme "
    "cs-host cs-uri-port cs-uri-path cs-uri-query cs(User-Agent) s-ip r-ip sc-bytes cs-bytes\n"
)
ALLOWED = (
    "2026-10-06 10:00:02 1500 10.1.2.3 CORP\\ada OBSERVED 200 TCP_NC_MISS POST https chat.example.com 443 /v1/a "
    '?key=secret "Mozilla/5.0 (X11; ""q"")" 10.9.9.9 192.0.2.7 900 12345\n'
)
DENIED = "2026-10-06 10:00:03 2 10.1.2.3 - DENIED 403 TCP_DENIED CONNECT tcp chat.example.com 443 / - - 10.9.9.9 - 700 50\n"
ASKED = "2026-10-06 10:00:03 2 10.1.2.3 - DENIED 407 TCP_DENIED CONNECT tcp chat.example.com 443 / - - 10.9.9.9 - 700 50\n"


def test_the_header_says_what_the_lines_hold() -> None:
    used = read(ElffFormat, HEAD + ALLOWED + DENIED)[2:]
    row = used.row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 500_000, UTC)
    assert (row["client"], row["user_name"], row["host"], row["path"]) == (
        "10.1.2.3", "CORP\\ada", "chat.example.com", "/v1/a",
    )  # fmt: skip
    assert (row["bytes_up"], row["bytes_down"], row["server"], row["server_port"]) == (
        12345,
        900,
        "192.0.2.7",
        443,
    )
    assert used["action"].to_list() == ["allowed", "blocked"]
    assert used["path"].to_list() == ["/v1/a", None]
    assert used["user_name"].to_list() == ["CORP\\ada", None]


def test_headers_and_challenges_are_set_aside() -> None:
    form = ALLOWED.replace(" 200 TCP_NC_MISS ", " 302 TCP_AUTH_REDIRECT ")
    assert read(ElffFormat, HEAD + ASKED + form)["reason"].to_list() == [HEADER] * 2 + [CHALLENGE] * 2


def test_a_policy_that_redirects_lets_nobody_through() -> None:
    line = ALLOWED.replace(" 200 TCP_NC_MISS ", " 302 TCP_POLICY_REDIRECT ")
    assert read(ElffFormat, HEAD + line)["action"][-1] == "blocked"


def test_a_second_header_changes_the_fields() -> None:
    other = (
        "#Fields: date time c-ip cs-uri cs-bytes\n2026-10-06 11:00:00 10.1.2.4 http://b.example.com/x?y 7\n"
    )
    row = read(ElffFormat, HEAD + ALLOWED + other).row(-1, named=True)
    assert (row["client"], row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == (
        "10.1.2.4", "b.example.com", "/x", 7, None,
    )  # fmt: skip


def test_default_formats_are_told_without_a_header() -> None:
    old = "2026-10-06 10:00:02 15 10.1.2.3 200 TCP_HIT 941 729 GET http a.example.com /p - ada DIRECT 192.0.2.9 text/html x PROXIED"
    new = (
        '2026-10-06 10:00:02 15 10.1.2.3 ada - - OBSERVED "A;B" - 200 TCP_MISS GET text/html https a.example.com 443 /p '
        "- html Mozilla 10.9.9.9 941 729 -"
    )
    begin = "2026-10-06 10:00:02 15 10.1.2.3 200 TCP_NC_MISS 941 729 GET http a.example.com 80 /p ?q=1 ada CORP\\All "
    end = 'text/html - "Mozilla/5.0 (X11)" OBSERVED "A;B" - 10.9.9.9'
    hierarchy, bare = f"{begin}- a.example.com {end}", f"{begin}a.example.com {end}"
    for line in (old, new, hierarchy, bare):
        row = read(ElffFormat, line).row(0, named=True)
        assert (row["user_name"], row["host"], row["path"]) == ("ada", "a.example.com", "/p")
        assert (row["bytes_up"], row["bytes_down"]) == (729, 941)


def test_the_default_format_of_what_stays_inside_tls_has_no_path() -> None:
    begin = "2026-10-06 10:00:02 15 10.1.2.3 ada -"
    end = '- OBSERVED "A;B" 200 TCP_TUNNELED CONNECT - ssl a.example.com 443 - "Mozilla/5.0 (X11)" 10.9.9.9 941 729 - none'
    for supplier in ("", "a.example.com 192.0.2.9 Ireland - "):
        row = read(ElffFormat, f"{begin} {supplier}{end}").row(0, named=True)
        assert (row["user_name"], row["host"], row["path"]) == ("ada", "a.example.com", None)
        assert (row["status"], row["server_port"], row["bytes_up"], row["bytes_down"]) == (200, 443, 729, 941)


def test_a_layout_that_is_not_known_is_read_as_no_other() -> None:
    line = "2026-10-06 10:00:02 15 10.1.2.3 200 TCP_HIT 941 729 GET http a.example.com 80 /p ?q=1 ada"
    assert rows(line).filter(pl.col("reason").is_null()).is_empty()


def test_pairs_and_objects_have_the_same_names() -> None:
    pairs = (
        "date=2026-10-06 time=10:00:00 time-taken=20 c-ip=10.1.2.3 cs-username=ada cs-host=a.example.com cs-method=GET "
        'cs-uri-port=443 cs-uri-scheme=https cs-uri-path=/p cs(User-Agent)="curl/8" cs-bytes=5 sc-bytes=6 sc-filter-result=OBSERVED'
    )
    objects = (
        '{"date": "2026-10-06", "time": "10:00:00", "c-ip": "10.1.2.3", "cs-userdn": "CORP\\\\ada", "cs-host": "a.example.com", '
        '"cs-uri-scheme": "https", "cs-uri-path": "/p", "cs-bytes": 5, "sc-bytes": "6", "cs(User-Agent)": "curl/8"}'
    )
    for line in (pairs, objects):
        row = read(ElffFormat, line).row(0, named=True)
        assert (row["client"], row["host"], row["path"], row["user_agent"]) == (
            "10.1.2.3", "a.example.com", "/p", "curl/8",
        )  # fmt: skip
        assert (row["bytes_up"], row["bytes_down"], row["server_port"]) == (5, 6, 443)


def test_a_parent_proxy_is_no_server() -> None:
    fields = "#Fields: date time c-ip cs-host cs-uri-scheme s-hierarchy s-supplier-ip\n"
    lines = "2026-10-06 10:00:00 10.1.2.3 a.example.com http {} 192.0.2.1\n"
    rows = read(ElffFormat, fields + lines.format("DIRECT") + lines.format("PARENT"))
    assert rows["server"].to_list() == ["192.0.2.1", None]


def test_cisco_wsa_names_the_server_in_s_ip() -> None:
    text = (
        "#Fields: timestamp x-elapsed-time c-ip x-resultcode-httpstatus sc-bytes cs-method cs-url cs-username s-ip x-acltag cs-bytes\n"
        "1791280800.5 100 10.1.2.3 TCP_MISS/200 9 GET http://a.example.com/p ada 192.0.2.1 BLOCK_WEBCAT_11-x 4\n"
    )
    row = read(ElffFormat, text).row(0, named=True)
    assert (row["server"], row["status"], row["action"], row["host"]) == (
        "192.0.2.1",
        200,
        "blocked",
        "a.example.com",
    )


def test_two_spaces_where_sgos_writes_them_are_no_field() -> None:
    line = (
        '2026-10-06 10:00:02 15 10.1.2.3 ada - - OBSERVED "A;B" -  200 TCP_MISS GET text/html https a.example.com 443 /p '
        "- html Mozilla 10.9.9.9 941 729 -"
    )
    (row,) = read(ElffFormat, line).rows(named=True)
    assert (row["host"], row["path"], row["method"], row["server_port"]) == (
        "a.example.com",
        "/p",
        "GET",
        443,
    )
    assert (row["bytes_up"], row["bytes_down"], row["user_agent"]) == (729, 941, "Mozilla")


def test_the_fields_splunk_asks_of_ciscos_proxy_are_known_without_a_header() -> None:
    fields = (
        "timestamp x-elapsed-time cs(Referer) c-ip x-resultcode-httpstatus sc-bytes cs-method cs-url s-hostname cs-uri "
        "cs-username cs-mime-type x-acltag cs(X-Forwarded-For) c-port s-computerName s-port"
    )
    tail = '192.0.2.7 - CORP\\ada text/plain {}_WEBCAT_12-D-D-NONE-NONE-NONE-NONE-NONE "10.9.9.9" 52734 a.example.com 443'
    tunnel = (
        "1791280802.000 2000.0 - 10.1.2.3 TCP_MISS/200 8187 CONNECT tunnel://a.example.com:443/ "
        + tail.format("ALLOW")
    )
    denied = (
        "1791280802.000 2000.0 - 10.1.2.3 TCP_DENIED/403 298 GET http://a.example.com:443/p?q "
        + tail.format("BLOCK")
    )
    lines = f"{tunnel}\n{denied}"
    for text in (
        "\n".join(f"Oct  6 10:00:02 wsa1 {line}" for line in (tunnel, denied)),
        f"#Fields: {fields}\n{lines}",
    ):
        found = read(ElffFormat, text)[-2:]
        told = found.select(
            "client", "client_port", "user_name", "host", "path", "bytes_up", "bytes_down", "action"
        )
        assert told.rows() == [
            ("10.1.2.3", 52734, "CORP\\ada", "a.example.com", None, None, 8187, "allowed"),
            ("10.1.2.3", 52734, "CORP\\ada", "a.example.com", "/p", None, 298, "blocked"),
        ]
        assert found["seen_at"].to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)] * 2


def test_connections_of_isa_and_tmg_are_told_twice() -> None:
    names = (
        "computer date time|IP protocol|source|destination|original client IP|action|bytes sent|bytes received|connection time|"
        "username|connection ID"
    )
    fields = names.replace(" date time", "|date|time").replace("|", "\t")
    ends = "TCP\t10.1.2.3:50000\t192.0.2.7:443\t10.1.2.3"
    found = read(
        ElffFormat,
        f"#Fields: {fields}\n"
        f"ISA1\t2026-10-06\t10:00:00\t{ends}\tInitiate\t0\t0\t0\tACME\\ada\t7\n"
        f"ISA1\t2026-10-06\t10:00:02\t{ends}\tTerminate\t900\t7000\t2500\tACME\\ada\t7\n",
    ).filter(pl.col("reason").is_null())
    assert found.select(
        "kind", "client", "user_name", "server", "server_port", "bytes_up", "phase"
    ).rows() == [
        ("flow", "10.1.2.3", "ACME\\ada", "192.0.2.7", 443, 0, "begin"),
        ("flow", "10.1.2.3", "ACME\\ada", "192.0.2.7", 443, 900, "end"),
    ]
    assert found["session"].n_unique() == 1
