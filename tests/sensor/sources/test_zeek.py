"""Zeek: each log, the join by uid, both text forms, and the recorded samples against their truth."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.sources.interface import HEAD_BYTES, Batch, File, Input
from sensor.sources.logs.lines.blocks import Block, blocks
from sensor.sources.logs.text.reasons import NEIGHBOURS, NO_LOOKUP, NO_PORTS, NOT_A_QUERY, REPEATED, REVERSE
from sensor.sources.zeek import logs as zeek_logs
from sensor.sources.zeek import source as zeek
from sensor.sources.zeek.text import WANTED, Text, log_of, read_header
from tests.beside import LOG_SAMPLES

SAMPLES = LOG_SAMPLES / "zeek"

CONN = {
    "ts": "1700000000.250000",
    "uid": "C1",
    "id.orig_h": "10.1.0.7",
    "id.orig_p": "50000",
    "id.resp_h": "203.0.113.5",
    "id.resp_p": "443",
    "proto": "tcp",
    "duration": "12.5",
    "orig_bytes": "5120",
    "resp_bytes": "70000",
    "conn_state": "SF",
    "missed_bytes": "3",
    "history": "ShADadfF",
    "orig_pkts": "20",
    "orig_ip_bytes": "6200",
    "resp_pkts": "60",
    "resp_ip_bytes": "73000",
    "tunnel_parents": "-",
    "orig_l2_addr": "00:1D:09:5B:D6:84",
}
_ID = {name: CONN[name] for name in ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")}
SSL = _ID | {
    "ts": "1700000000.300000",
    "server_name": "Chat.Example.com",
    "established": "T",
    "subject": "-",
    "ja4": "t13d1516h2_8daaf6152771_02713d6af862",
}
QUIC = _ID | {"server_name": "quic.example.com", "ja4": "-"}
HTTP = _ID | {
    "trans_depth": "1",
    "method": "GET",
    "host": "web.example.com",
    "uri": "/a?secret=1",
    "user_agent": "curl/8.1\\x09\\x2c",
    "username": "-",
    "request_body_len": "7",
    "response_body_len": "900",
    "status_code": "200",
}
DNS = _ID | {
    "id.resp_p": "53",
    "proto": "udp",
    "trans_id": "4",
    "rtt": "0.5",
    "query": "Chat.Example.com",
    "qtype": "1",
    "qtype_name": "A",
    "rcode_name": "NOERROR",
    "answers": "edge.example.net,203.0.113.5,203.0.113.6",
    "TTLs": "300.0,60.0,61.0",
    "rejected": "F",
    "opcode": "0",
}
SOCKS = _ID | {
    "id.resp_p": "1080",
    "user": "ada",
    "status": "succeeded",
    "request.name": "Chat.Example.com",
    "request_p": "443",
}
Row = Mapping[str, str]


def tsv(log: str, rows: Iterable[Row], *, separator: str = "\t") -> bytes:
    """A TSV log of these rows, with a field nobody asked for in the middle."""
    fields = [*WANTED[log][:3], "an_extra_field", *WANTED[log][3:]]
    head = [
        f"#separator \\x{ord(separator):02x}",
        *(
            separator.join(p)
            for p in (
                ("#set_separator", ","),
                ("#empty_field", "(empty)"),
                ("#unset_field", "-"),
                ("#path", log),
                ("#fields", *fields),
            )
        ),
    ]
    body = [separator.join(row.get(name, "-") for name in fields) for row in rows]
    return "\n".join([*head, *body, "#close\t2026-01-01", ""]).encode()


def ndjson(log: str, rows: Iterable[Row], *, style: str = "dotted") -> bytes:
    """The same rows as JSON lines."""
    return b"".join(json.dumps(_object(row, log, style)).encode() + b"\n" for row in rows)


def _object(row: Row, log: str, style: str) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in row.items():
        if value == "-":
            continue
        typed: object = value
        if name in ("answers", "TTLs", "tunnel_parents"):
            typed = [float(v) if name == "TTLs" else v for v in value.split(",")]
        elif name in ("ts", "duration", "rtt"):
            typed = float(value)
        elif value.isdigit():
            typed = int(value)
        elif value in ("T", "F"):
            typed = value == "T"
        elif name == "user_agent":
            typed = "curl/8.1\\x09,"
        made[name] = typed
    if style == "dotted":
        return {"_path": log} | made
    ids = {name: made.pop(name) for name in list(made) if name.startswith("id.")}
    if style == "nested":
        return made | {"id": {name.removeprefix("id."): value for name, value in ids.items()}, "_path": log}
    return made | {name.replace(".", "_"): value for name, value in ids.items()}


def file(data: bytes, name: str = "logs/x.log") -> File:
    return File(
        name,
        name.rjust(16, "0")[-16:],
        data[:HEAD_BYTES],
        len(data),
        lambda: io.BufferedReader(io.BytesIO(data)),
    )  # type: ignore[arg-type]


def batches(**logs: bytes) -> list[Batch]:
    """Batches of a folder of these logs."""
    files = [file(data, f"logs/{log}.log") for log, data in logs.items()]
    (group,) = zeek.ZeekSource.group(files)
    return list(zeek.ZeekSource().read(Input(group, "0" * 16)))


def observed(**logs: bytes) -> pl.DataFrame:
    return pl.concat([batch.frames["observations"] for batch in batches(**logs)])


def one(**logs: bytes) -> dict[str, object]:
    (row,) = observed(**logs).rows(named=True)
    return row


# --- each log alone -----------------------------------------------------------------------------


def test_conn() -> None:
    seen = one(conn=tsv("conn", [CONN]))
    assert seen["seen_at"] == seen["started_at"] == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)
    assert (seen["kind"], seen["host"], seen["action"], seen["slice"]) == ("flow", None, "allowed", 0)
    assert (seen["bytes_up"], seen["bytes_down"], seen["lost_bytes"]) == (5120, 70000, 3)
    assert (seen["total_bytes_up"], seen["total_bytes_down"]) == (5120, 70000)
    assert (seen["wire_bytes_up"], seen["wire_bytes_down"]) == (6200, 73000)
    assert (seen["packets_up"], seen["packets_down"]) == (20, 60)
    assert (seen["client_mac"], seen["transport"], seen["duration_s"]) == ("00:1d:09:5b:d6:84", "tcp", 12.5)


@pytest.mark.parametrize("state", ["REJ", "S0", "RSTOS0"])
def test_connection_that_never_was(state: str) -> None:
    assert one(conn=tsv("conn", [CONN | {"conn_state": state}]))["action"] == "reset"


def test_unknown_bytes_stay_unknown() -> None:
    seen = one(conn=tsv("conn", [CONN | {"orig_bytes": "-", "resp_bytes": "-"}]))
    assert (seen["bytes_up"], seen["bytes_down"]) == (None, None)


@pytest.mark.parametrize(
    ("history", "turned"), [("^dDa", True), ("DdAa", True), ("ShADad", False), ("-", False)]
)
def test_midstream_connection_is_turned_round(history: str, turned: bool) -> None:
    row = CONN | {"history": history, "id.orig_p": "443", "id.resp_p": "50000"}
    row |= {"id.orig_h": CONN["id.resp_h"], "id.resp_h": CONN["id.orig_h"]}
    seen = one(conn=tsv("conn", [row]))
    assert seen["client"] == ("10.1.0.7" if turned else "203.0.113.5")
    assert seen["server_port"] == (443 if turned else 50000)
    assert (seen["bytes_up"], seen["packets_up"]) == ((70000, 60) if turned else (5120, 20))
    assert (seen["client_mac"] is None) == turned


def test_tunnelled_and_other_transports() -> None:
    assert one(conn=tsv("conn", [CONN | {"tunnel_parents": "Cabc,Cdef"}]))["tunnel"] == "tunnel"
    (batch,) = batches(conn=tsv("conn", [CONN | {"proto": "icmp"}]))
    assert batch.frames["observations"].is_empty()
    assert batch.frames["rejects"]["reason"].to_list() == [NO_PORTS]


def test_ssl_and_certificate() -> None:
    seen = one(ssl=tsv("ssl", [SSL]))
    assert (seen["kind"], seen["host"], seen["name_from"]) == ("tls", "chat.example.com", "sni")
    assert (seen["ja4"], seen["bytes_up"], seen["action"]) == (SSL["ja4"], None, "allowed")
    bare = SSL | {"server_name": "-", "subject": "CN=*.example.org,O=Example\\x2c Inc.", "established": "F"}
    seen = one(ssl=tsv("ssl", [bare]))
    assert (seen["host"], seen["name_from"], seen["action"]) == ("example.org", "certificate", "unknown")


def test_http() -> None:
    seen = one(http=tsv("http", [HTTP]))
    assert (seen["host"], seen["path"], seen["name_from"]) == ("web.example.com", "/a", "http_host")
    assert (seen["bytes_up"], seen["bytes_down"], seen["status"]) == (7, 900, 200)
    assert seen["user_agent"] == "curl/8.1\\x09,"  # printable bytes come back, a tab stays an escape
    assert seen["origin"] is None
    origin = "chrome-extension://difoiogjjojoaoomphldepapgpbgkhkb"
    assert one(http=tsv("http", [HTTP | {"origin": origin}]))["origin"] == origin


def test_http_to_a_proxy() -> None:
    seen = one(http=tsv("http", [HTTP | {"uri": "http://other.example:8080/p#x", "host": "-"}]))
    assert (seen["host"], seen["path"], seen["name_from"]) == ("other.example", "/p", "url")
    connect = HTTP | {"method": "CONNECT", "uri": "chat.example.com:443", "host": "chat.example.com"}
    seen = one(http=tsv("http", [connect]))
    assert (seen["host"], seen["path"], seen["name_from"]) == ("chat.example.com", None, "url")
    assert (seen["bytes_up"], seen["bytes_down"]) == (None, None)
    assert one(http=tsv("http", [connect | {"status_code": "403"}]))["action"] == "blocked"
    assert observed(http=tsv("http", [connect | {"status_code": "407"}])).is_empty()


def test_socks() -> None:
    seen = one(socks=tsv("socks", [SOCKS]))
    assert (seen["kind"], seen["host"], seen["name_from"]) == ("flow", "chat.example.com", "url")
    assert (seen["user_name"], seen["server"], seen["server_port"]) == ("ada", "203.0.113.5", 1080)
    assert (seen["action"], seen["bytes_up"]) == ("allowed", None)
    bare = one(socks=tsv("socks", [SOCKS | {"request.name": "-", "request.host": "2001:DB8::7"}]))
    assert (bare["host"], bare["server"], bare["server_port"]) == (None, "2001:db8::7", 443)


@pytest.mark.parametrize(
    ("status", "action"),
    [("connection not allowed by ruleset", "blocked"), ("Host unreachable", "reset"), ("-", "unknown")],
)
def test_what_a_socks_proxy_answers(status: str, action: str) -> None:
    assert one(socks=tsv("socks", [SOCKS | {"status": status}]))["action"] == action


def test_dns_question_and_answers() -> None:
    (batch,) = batches(dns=tsv("dns", [DNS]))
    (seen,) = batch.frames["observations"].rows(named=True)
    assert (seen["kind"], seen["host"], seen["name_from"]) == ("dns", "chat.example.com", "qname")
    assert (seen["cname"], seen["action"], seen["server_port"]) == ("edge.example.net", "allowed", 53)
    told = schema.ANSWERS.conform(batch.frames["answers"])
    assert told["address"].to_list() == ["203.0.113.5", "203.0.113.6"]
    assert told["ttl_s"].to_list() == [60, 61]
    assert told["host"].to_list() == ["chat.example.com"] * 2
    assert told["answered_at"][0] == datetime(2023, 11, 14, 22, 13, 20, 750_000, tzinfo=UTC)


def test_dns_answers_without_matching_lifetimes() -> None:
    (batch,) = batches(dns=tsv("dns", [DNS | {"TTLs": "-"}]))
    assert batch.frames["answers"]["ttl_s"].to_list() == [None, None]


@pytest.mark.parametrize("nonsense", ["inf", "1e300", "-1", "NaN"])
def test_impossible_durations_are_unknown(nonsense: str) -> None:
    assert one(conn=tsv("conn", [CONN | {"duration": nonsense}]))["duration_s"] is None
    (batch,) = batches(dns=tsv("dns", [DNS | {"rtt": nonsense, "TTLs": f"1,{nonsense},2"}]))
    assert (
        batch.frames["answers"]["answered_at"].to_list()
        == [datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)] * 2
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"qtype_name": "PTR", "qtype": "12"}, REVERSE),
        ({"id.resp_p": "5353", "query": "printer.local"}, NEIGHBOURS),
        ({"qtype_name": "NB"}, NEIGHBOURS),
        ({"opcode": "5"}, NOT_A_QUERY),
        ({"query": "-"}, NO_LOOKUP),
        ({"ts": "yesterday"}, zeek_logs.UNREADABLE),
        ({"uid": "-"}, zeek_logs.UNREADABLE),
        ({"id.orig_h": "nonsense"}, zeek_logs.UNREADABLE),
    ],
)
def test_dns_rows_that_are_no_lookups(change: Row, reason: str) -> None:
    (batch,) = batches(dns=tsv("dns", [DNS | change]))
    assert batch.frames["observations"].is_empty()
    assert batch.frames["answers"].is_empty()
    assert batch.frames["rejects"]["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({"rcode_name": "REFUSED"}, "blocked"),
        ({"answers": "0.0.0.0", "TTLs": "5"}, "blocked"),
        ({"rcode_name": "NXDOMAIN"}, "blocked"),
        ({"rcode_name": "SERVFAIL"}, "unknown"),
        ({"rcode_name": "-"}, "unknown"),
    ],
)
def test_dns_action(change: Row, action: str) -> None:
    (batch,) = batches(dns=tsv("dns", [DNS | change]))
    assert batch.frames["observations"]["action"].to_list() == [action]
    if change.get("answers"):
        assert batch.frames["answers"].is_empty()  # a sinkhole names nothing


def test_the_type_of_a_question_is_told() -> None:
    (batch,) = batches(dns=tsv("dns", [DNS | {"qtype": "65", "qtype_name": "HTTPS"}]))
    assert batch.frames["observations"]["qtype"].to_list() == ["HTTPS"]
    (batch,) = batches(dns=tsv("dns", [DNS | {"qtype": "28", "qtype_name": "-"}]))
    assert batch.frames["observations"]["qtype"].to_list() == ["AAAA"]


# --- joined by uid ------------------------------------------------------------------------------


def test_a_named_connection_is_one_row_with_its_volume() -> None:
    seen = one(conn=tsv("conn", [CONN]), ssl=tsv("ssl", [SSL]))
    assert (seen["kind"], seen["host"], seen["ja4"]) == ("tls", "chat.example.com", SSL["ja4"])
    assert (seen["bytes_up"], seen["bytes_down"], seen["duration_s"]) == (5120, 70000, 12.5)
    assert seen["seen_at"] == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)  # conn's start


def test_quic_and_ssl_of_one_uid_count_once() -> None:
    seen = one(conn=tsv("conn", [CONN | {"proto": "udp"}]), ssl=tsv("ssl", [SSL]), quic=tsv("quic", [QUIC]))
    assert (seen["kind"], seen["name_from"], seen["transport"]) == ("quic", "quic_sni", "udp")
    nameless = tsv("quic", [QUIC | {"server_name": "-"}])
    assert one(ssl=tsv("ssl", [SSL]), quic=nameless)["host"] == "chat.example.com"


@pytest.mark.parametrize("log", ["ssl", "quic"])
def test_a_log_of_names_alone_waits_for_nothing(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [ROWS[log] | {"uid": f"C{n % 40}", "server_name": f"h{n}.example.com"} for n in range(60)]
    original = zeek.blocks
    monkeypatch.setattr(zeek, "blocks", lambda stream: original(stream, size=1000))
    read = batches(**{log: tsv(log, names)})
    assert [batch.frames["observations"].is_empty() for batch in read[:3]] == [False] * 3
    assert sum(batch.frames["observations"].height for batch in read) == 40


def test_a_repeated_uid_counts_once() -> None:
    tables = batches(conn=tsv("conn", [CONN, CONN]), ssl=tsv("ssl", [SSL, SSL]))
    seen = pl.concat([batch.frames["observations"] for batch in tables])
    assert seen["bytes_up"].to_list() == [5120]
    rejects = pl.concat([batch.frames["rejects"] for batch in tables])
    assert rejects.filter(pl.col("reason") == REPEATED)["count"].to_list() == [1]


def test_further_requests_of_a_connection_bring_no_volume() -> None:
    more = HTTP | {"uri": "/b", "trans_depth": "2"}
    seen = observed(conn=tsv("conn", [CONN]), http=tsv("http", [HTTP, more]))
    assert seen["path"].to_list() == ["/a", "/b"]
    assert seen["bytes_up"].to_list() == [5120, None]
    assert seen["slice"].to_list() == [0, None]


def test_a_connection_to_several_hosts_belongs_to_none() -> None:
    more = HTTP | {"host": "other.example.com", "request_body_len": "11"}
    seen = observed(conn=tsv("conn", [CONN]), http=tsv("http", [HTTP, more])).sort("host", nulls_last=True)
    assert seen["host"].to_list() == ["other.example.com", "web.example.com", None]
    assert seen["bytes_up"].to_list() == [11, 7, 5120]
    assert seen["kind"].to_list() == ["http", "http", "flow"]


def test_a_refused_tunnel_is_blocked() -> None:
    refused = HTTP | {"method": "CONNECT", "uri": "chat.example.com:443", "status_code": "403"}
    seen = one(conn=tsv("conn", [CONN]), http=tsv("http", [refused]))
    assert (seen["host"], seen["action"]) == ("chat.example.com", "blocked")


def test_a_connection_through_socks_has_its_name_and_account() -> None:
    seen = one(conn=tsv("conn", [CONN]), socks=tsv("socks", [SOCKS]))
    assert (seen["host"], seen["user_name"], seen["bytes_up"]) == ("chat.example.com", "ada", 5120)
    within = one(conn=tsv("conn", [CONN]), ssl=tsv("ssl", [SSL]), socks=tsv("socks", [SOCKS]))
    assert (within["kind"], within["user_name"], within["bytes_up"]) == ("tls", "ada", 5120)
    failed = tsv("socks", [SOCKS | {"status": "Host unreachable"}])
    assert one(conn=tsv("conn", [CONN]), socks=failed)["action"] == "reset"


def test_names_without_a_connection_are_kept_without_volume() -> None:
    seen = observed(conn=tsv("conn", [CONN | {"uid": "C2"}]), ssl=tsv("ssl", [SSL]))
    assert seen["host"].to_list() == [None, "chat.example.com"]
    assert seen["bytes_up"].to_list() == [5120, None]


def test_too_many_names_come_out_without_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zeek, "MAX_NAMES", 1)
    rows = [SSL, SSL | {"uid": "C2", "server_name": "two.example.com"}]
    tables = batches(conn=tsv("conn", [CONN]), ssl=tsv("ssl", rows))
    seen = pl.concat([batch.frames["observations"] for batch in tables])
    assert sorted(seen["host"].drop_nulls()) == ["chat.example.com", "two.example.com"]
    assert tables[0].frames["coverage"]["names_lost"].sum() == 2


def test_coverage_counts_records_flows_and_names() -> None:
    quiet = CONN | {"uid": "C2", "resp_pkts": "0"}
    group = quiet | {"uid": "C3", "id.resp_h": "239.255.255.250", "id.resp_p": "1900"}
    tables = batches(conn=tsv("conn", [CONN, quiet, group, {"ts": "broken"}]), ssl=tsv("ssl", [SSL]))
    minutes = [schema.COVERAGE.conform(batch.frames["coverage"]) for batch in tables]
    total = pl.concat(minutes).select(pl.col(pl.Int64).sum()).row(0, named=True)
    assert (total["records"], total["rejected"]) == (5, 1)
    assert (total["flows"], total["named_flows"], total["one_sided_flows"]) == (2, 1, 1)
    assert total["lost_bytes"] == 6


def test_files_are_read_names_first_and_positions_rise() -> None:
    logs = {"conn": tsv("conn", [CONN]), "ssl": tsv("ssl", [SSL]), "dns": tsv("dns", [DNS])}
    found = batches(**logs)
    positions = [batch.position for batch in found]
    assert positions == sorted(set(positions))
    assert positions[-1] == sum(map(len, logs.values()))
    folders = [
        file(logs["conn"], "a/conn.log"),
        file(logs["ssl"], "b/ssl.log"),
        file(logs["ssl"], "a/ssl.log"),
    ]
    groups = zeek.ZeekSource.group(folders)
    assert [[f.name for f in group] for group in groups] == [["a/ssl.log", "a/conn.log"], ["b/ssl.log"]]


def test_empty_logs() -> None:
    (batch,) = batches(conn=tsv("conn", []))
    assert all(frame.is_empty() for frame in batch.frames.values())
    (batch,) = batches(ssl=b"#separator \\x09\n#path\tssl\n")
    assert all(frame.is_empty() for frame in batch.frames.values())


def test_any_block_size_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [SSL | {"uid": f"C{n}", "server_name": f"h{n % 7}.example.com"} for n in range(300)]
    flows = [CONN | {"uid": f"C{n}", "orig_bytes": str(n)} for n in range(0, 300, 2)]
    logs = {"conn": tsv("conn", flows), "ssl": tsv("ssl", names)}
    whole = observed(**logs)
    assert whole["bytes_up"].count() == 150
    original = zeek.blocks
    monkeypatch.setattr(zeek, "blocks", lambda stream: original(stream, size=1000))
    assert len(batches(**logs)) > 20
    assert observed(**logs).equals(whole)


def _hourly(*contents: bytes) -> tuple[list[Batch], list[Batch]]:
    """Batches of an hourly rotated log read as it is, and with each file's blocks by themselves."""
    files = [file(data, f"logs/ssl.{n:02}.log") for n, data in enumerate(contents)]

    def read() -> list[Batch]:
        return list(zeek.ZeekSource().read(Input(tuple(files), "0" * 16)))

    together = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zeek, "MOST_TOGETHER", 1)
        return together, read()


def _rows_of(read: list[Batch], table: str) -> pl.DataFrame:
    return pl.concat([batch.frames[table] for batch in read])


def test_small_files_of_a_log_are_read_as_one() -> None:
    hours = [
        tsv("ssl", [SSL | {"uid": f"C{n}-{i}", "server_name": f"h{i}.example.com"} for i in range(3)])
        for n in range(5)
    ]
    odd = hours[2].replace(b"#close", b"no row at all\n#close")
    # other fields in another order, and the next one again as before
    turned = b"".join(line for line in hours[1].splitlines(keepends=True) if not line.startswith(b"17"))
    turned = turned.replace(b"#fields\tts\tuid", b"#fields\tuid\tts")
    turned += b"".join(
        b"\t".join([uid, ts, rest])
        for line in hours[1].splitlines(keepends=True)
        if line.startswith(b"17")
        for ts, uid, rest in [line.split(b"\t", 2)]
    )
    together, apart = _hourly(hours[0], turned, odd, hours[3], hours[4])
    assert (len(together), len(apart)) == (1, 5)
    assert together[0].position == apart[-1].position == sum(map(len, (*hours[:2], odd, *hours[3:])))
    seen = _rows_of(together, "observations")
    assert seen.height == 15
    assert seen.equals(_rows_of(apart, "observations"))
    place = len(hours[0]) + len(turned) + odd.index(b"no row at all")
    for read in (together, apart):
        (reject,) = _rows_of(read, "rejects").rows(named=True)
        assert (reject["place"], reject["count"], reject["shape"]) == (f"byte {place}", 1, "aa aaa aa aaa")
    said = [_rows_of(read, "coverage").group_by("minute").agg(pl.all().sum()) for read in (together, apart)]
    assert (
        said[0].select("records", "rejected", "bytes").equals(said[1].select("records", "rejected", "bytes"))
    )


def test_files_that_differ_in_form_or_end_early_are_read_apart() -> None:
    rows = [SSL | {"uid": f"C{n}"} for n in range(4)]
    text, objects = tsv("ssl", rows[:1]), ndjson("ssl", rows[1:2])
    together, apart = _hourly(text, objects, ndjson("ssl", rows[2:3]), tsv("ssl", rows[3:]))
    assert (len(together), len(apart)) == (3, 4)
    assert _rows_of(together, "observations").equals(_rows_of(apart, "observations"))
    # no line end at the end: the header behind it is a line of its own
    together, apart = _hourly(
        tsv("ssl", rows[:1]).partition(b"#close")[0].rstrip(b"\n"), tsv("ssl", rows[1:])
    )
    assert (len(together), _rows_of(together, "observations").height) == (2, 4)
    assert _rows_of(together, "observations").equals(_rows_of(apart, "observations"))


def test_rows_alone_say_what_they_say_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks without header lines are read without making lines first; the samples of rejects stay."""
    odd = ("no row at all", "1700000000.5\tC9\t10.0.0.1\t1\t10.0.0.2\t2\ticmp", "x\ty")
    rows = [CONN | {"uid": f"C{n}", "history": "Sé" if n % 9 == 0 else "S"} for n in range(200)]
    data = tsv("conn", rows).replace(b"#close", "\n".join(odd).encode() + b"\n#close")
    original = zeek.blocks
    monkeypatch.setattr(zeek, "blocks", lambda stream: original(stream, size=1500))
    fast = batches(conn=data)
    monkeypatch.setattr(Block, "ends", lambda block, comment: None)
    slow = batches(conn=data)
    assert len(fast) > 10
    for one, other in zip(fast, slow, strict=True):
        assert one.position == other.position
        for name, frame in one.frames.items():
            assert frame.equals(other.frames[name]), name
    rejected = pl.concat([batch.frames["rejects"] for batch in fast])
    assert "aa aaa aa aaa" in rejected["shape"]


# --- text forms ---------------------------------------------------------------------------------

ROWS: dict[str, Row] = {"conn": CONN, "ssl": SSL, "quic": QUIC, "http": HTTP, "dns": DNS, "socks": SOCKS}


@pytest.mark.parametrize("log", ROWS)
@pytest.mark.parametrize("style", ["dotted", "nested", "underscored"])
def test_json_says_the_same_as_tsv(log: str, style: str) -> None:
    row = ROWS[log] | ({"qtype_name": "A"} if log == "dns" else {})
    if log == "quic" and style == "underscored":  # nothing but `_path` tells it from others
        return
    from_json = observed(**{log: ndjson(log, [row], style=style)})
    assert from_json.equals(observed(**{log: tsv(log, [row])}))


def test_iso_times_and_other_logs_in_a_json_stream() -> None:
    line = {"_path": "ssl"} | SSL | {"ts": "2023-11-14T22:13:20.300000Z"}
    other = json.dumps({"_path": "weird"} | _ID).encode() + b"\n"
    (batch,) = batches(ssl=json.dumps(line).encode() + b"\n" + other)
    assert batch.frames["observations"]["seen_at"].to_list() == [
        datetime(2023, 11, 14, 22, 13, 20, 300_000, tzinfo=UTC)
    ]
    assert batch.frames["rejects"]["count"].to_list() == [1]


@pytest.mark.parametrize("written", [1700000000300, 1700000000300.0])
def test_times_in_milliseconds(written: float) -> None:
    line = {"_path": "ssl"} | SSL | {"ts": written}
    (batch,) = batches(ssl=json.dumps(line).encode() + b"\n")
    assert batch.frames["observations"]["seen_at"].to_list() == [
        datetime(2023, 11, 14, 22, 13, 20, 300_000, tzinfo=UTC)
    ]


def test_broken_json_lines_cost_only_themselves() -> None:
    good = ndjson("ssl", [SSL | {"uid": f"C{number}"} for number in range(20)])
    (batch,) = batches(
        ssl=good
        + b'{"uid": "C3", "ts":\n'
        + b'[1]\n"x"\n{}{}\n'
        + b"[" * 5000
        + b"\n"
        + ndjson("ssl", [SSL | {"uid": "C20"}])
    )
    assert batch.frames["observations"].height == 21
    assert batch.frames["rejects"]["count"].to_list() == [5]
    assert batch.frames["rejects"]["place"].to_list() == [f"byte {len(good)}"]


def test_a_file_of_other_products_with_a_line_of_zeek_is_no_log_of_zeek() -> None:
    line = ndjson("ssl", [SSL])
    assert log_of(line) == "ssl"
    assert (
        log_of(line + b"1791280800.1 5 10.1.2.3 TCP_MISS/200 9 GET http://example.com/ - -/- -\n" * 9) is None
    )
    # A stream of several logs may begin with many lines of one.
    conn = ndjson("conn", [CONN]) * 30
    assert (log_of(conn), log_of(conn + line)) == ("conn", None)
    # Vectra's stream counts otherwise: see formats/zeek_json.py.
    assert log_of(line.replace(b'"_path": "ssl"', b'"metadata_type": "metadata_ssl"')) is None


def test_headers_in_the_middle_and_other_separators() -> None:
    two = tsv("ssl", [SSL]) + tsv("ssl", [SSL | {"uid": "C2"}], separator="|")
    assert observed(ssl=two)["host"].to_list() == ["chat.example.com"] * 2
    header = read_header(["#separator \\x7c", "#set_separator|;", "#unset_field|none", "#fields|ts|uid"])
    assert (header.separator, header.set_separator, header.fields) == ("|", ";", ("ts", "uid"))
    assert "none" in header.nothing


def test_header_that_names_nothing_known() -> None:
    (batch,) = batches(ssl=b"#separator \\x09\n#path\tssl\n#fields\ta\tb\n1\t2\n3\t4\n")
    assert batch.frames["rejects"].select("reason", "count").rows() == [(zeek_logs.UNREADABLE, 2)]


def test_recognised_by_content() -> None:
    for log, row in ROWS.items():
        assert log_of(tsv(log, [row])) == log
        assert log_of(ndjson(log, [row])) == log
    assert log_of(tsv("ssl", [SSL]).replace(b"#path\tssl", b"#path\tssh")) is None
    assert log_of(b'{"uid": 1}') is None
    assert log_of(b"") is None
    assert zeek.ZeekSource.recognise(b"#separator \\x09\n#path") == 0


LINE = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "\t".join(["1700000000.5", "C9", "10.0.0.1", "1", "10.0.0.2", "2", "tcp"]),
            "#fields\tts\tuid",
            "#close",
        ]
    ),
    st.lists(
        st.sampled_from(["-", "1e300", "1700000000.1", "C1", "::1", "T", "99999999999999999999", "a,b"]),
        max_size=25,
    ).map("\t".join),
)


@given(st.sampled_from(sorted(ROWS)), st.lists(LINE, max_size=10), st.booleans())
@settings(max_examples=30, deadline=None)
def test_any_lines_are_all_counted(log: str, lines: list[str], as_json: bool) -> None:
    head = ndjson(log, [ROWS[log]]) if as_json else tsv(log, [ROWS[log]])
    data = head + "\n".join(lines).encode("utf-8", "replace") + b"\n"
    text = Text(log)
    for block in blocks(io.BytesIO(data)):
        read = zeek_logs_read(log, text.rows(block.lines()))
        kept = read.filter(pl.col("reason").is_null()).height
        assert kept + read.filter(pl.col("reason").is_not_null()).height == read.height
        comments = block.lines()["line"].str.starts_with("#").sum() if not as_json else 0
        assert read.height == block.lines().height - comments
    for batch in batches(**{log: data}):
        for name, frame in batch.frames.items():
            schema.TABLES[name].conform(frame)


def zeek_logs_read(log: str, rows: pl.DataFrame) -> pl.DataFrame:
    return getattr(zeek_logs, log)(rows)


# --- recorded samples ---------------------------------------------------------------------------


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the log samples are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "compared"), [("connection-conn", 12), ("dns-dns", 4), ("http-http", 6), ("ssl-ssl", 9)]
)
def test_samples_agree_with_their_truth(name: str, compared: int) -> None:
    lines = (SAMPLES / f"elastic-zeek-{name}.log").read_text().splitlines()
    expected = (SAMPLES / f"elastic-zeek-{name}.truth.jsonl").read_text().splitlines()
    count = 0
    for line, truth in zip(lines, map(json.loads, expected), strict=True):
        seen = list(observed(**{name.split("-")[-1]: line.encode() + b"\n"}).rows(named=True))
        if not seen:  # mDNS is local, ICMP has no service: set aside on purpose
            assert truth.get("dest_port") in (5353, None)
            continue
        (row,) = seen
        same = {"client_ip": "client", "user": "user_name", "dest_host": "host", "dest_ip": "server"}
        same |= {"url_path": "path", "dest_port": "server_port"}
        # Theirs are IP bytes for conn (we keep payload apart) and body bytes for http.
        same |= (
            {"up": "wire_bytes_up", "down": "wire_bytes_down"} if "conn" in name else {"down": "bytes_down"}
        )
        for theirs, ours in same.items():
            if theirs in truth:
                assert row[ours] == truth[theirs], (theirs, line)
        at = datetime.fromisoformat(truth["ts"])
        assert abs((row["seen_at"] - at).total_seconds()) < 0.001
        count += 1
    assert count == compared


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the log samples are not beside this checkout")
def test_tsv_and_json_samples_of_one_hour_agree() -> None:
    for log in ("dns", "ssl"):
        as_json = observed(**{log: (SAMPLES / f"brim-json-{log}.ndjson").read_bytes()})
        as_tsv = observed(**{log: (SAMPLES / f"brim-tsv-{log}.log").read_bytes()})
        rows = min(as_json.height, as_tsv.height)
        assert rows >= 60
        assert as_json.head(rows).equals(as_tsv.head(rows))
