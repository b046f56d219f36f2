"""First messages in pieces: any cut, any order, several records, after CONNECT, without a start."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from tests.sensor.decode.craft import (
    ACK,
    PSH,
    T0,
    Frame,
    Talk,
    decode,
    observe,
    one,
    pcap,
    totals,
)
from tests.sensor.decode.craft.tls import CORPUS, needs_corpus, record, small_hello


def expected_class(row: dict[str, Any]) -> str:
    return "browser" if row["client"].startswith(("Chromium", "Firefox")) else "program"


@needs_corpus
def test_every_hello_of_the_corpus_whole() -> None:
    frames: list[Frame] = []
    for n, row in enumerate(CORPUS):
        frames += (
            Talk(port=1000 + n, now=T0 + n).shake().send(bytes.fromhex(row["record_hex"])).close().frames
        )
    rows = {r["client_port"]: r for r in observe(frames)}
    for n, row in enumerate(CORPUS):
        got = rows[1000 + n]
        assert (got["ja4"], got["host"], got["name_from"]) == (row["ja4"], row["sni"], "sni")
        assert (got["kind"], got["client_class"]) == ("tls", expected_class(row)), row["client"]


@needs_corpus
@pytest.mark.parametrize("row", CORPUS, ids=lambda r: f"{r['client']}-{r['clienthello_len']}")
def test_cut_at_every_byte_in_both_orders(row: dict[str, Any]) -> None:
    hello = bytes.fromhex(row["record_hex"])
    frames: list[Frame] = []
    for cut in range(1, len(hello)):
        for swapped in (False, True):
            talk = Talk(port=1024 + 2 * cut + swapped, now=T0 + cut / 100).shake()
            first, second = (talk.up, hello[:cut]), (talk.up + cut, hello[cut:])
            for seq, piece in (second, first) if swapped else (first, second):
                talk.put("up", seq, talk.down, PSH | ACK, piece)
            frames += talk.frames
    frames.sort(key=lambda f: f.time)
    rows = decode(pcap(frames))["observations"]
    assert rows.height == 2 * (len(hello) - 1)
    assert rows.select("ja4", "host", "bytes_up").unique().rows() == [(row["ja4"], row["sni"], len(hello))]


def test_many_small_segments_in_random_order() -> None:
    hello = small_hello(padding=900)
    cuts = sorted(random.Random(7).sample(range(1, len(hello)), 12))
    pieces = list(zip([0, *cuts], [*cuts, len(hello)], strict=True))
    for seed in range(20):
        random.Random(seed).shuffle(pieces)
        talk = Talk(port=2000 + seed).shake()
        for begin, end in pieces:
            talk.put("up", talk.up + begin, talk.down, ACK, hello[begin:end])
        assert one(talk.frames)["host"] == "api.openai.com"


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100])
def test_several_records(size: int) -> None:
    message = small_hello(padding=80)[5:]
    records = b"".join(record(message[k : k + size]) for k in range(0, len(message), size))
    assert one(Talk().shake().send(records).frames)["host"] == "api.openai.com"


def test_the_acknowledgement_overtook_everything() -> None:
    """A mirror port mixes up the order of what passes within milliseconds, even that of a handshake."""
    hello = small_hello()
    talk = Talk().shake().send(hello[:-9], acknowledged=False).send(hello[-9:])
    syn, answer, ack, first, second, acked = talk.frames
    row = one(
        [*(Frame(f.data, T0 + n / 1000) for n, f in enumerate((acked, answer, syn, second, ack, first)))]
    )
    assert (row["host"], row["bytes_up"], row["lost_bytes"]) == ("api.openai.com", len(hello), 0)


def test_first_copy_of_a_byte_wins() -> None:
    hello, other = small_hello(b"first.example"), small_hello(b"other.example")
    talk = Talk().shake()
    talk.put("up", talk.up, talk.down, ACK, hello[:-5])
    talk.put("up", talk.up, talk.down, ACK, other[:-5])
    talk.put("up", talk.up + len(hello) - 5, talk.down, ACK, hello[-5:])
    assert one(talk.frames)["host"] == "first.example"


def test_a_hello_without_the_connections_start() -> None:
    hello = small_hello(padding=500)
    for order in (1, -1):
        talk = Talk()
        for begin, piece in [(0, hello[:400]), (400, hello[400:])][::order]:
            talk.put("up", talk.up + begin, talk.down, ACK, piece)
        row = one(talk.frames)
        assert (row["host"], row["bytes_up"]) == ("api.openai.com", len(hello))


def test_connect_names_the_tunnel_until_the_hello_does() -> None:
    request = b"CONNECT claude.ai:443 HTTP/1.1\r\nHost: claude.ai:443\r\nUser-Agent: t/1\r\n\r\n"
    talk = Talk(server_port=3128).shake().send(request)
    talk.reply(b"HTTP/1.1 200 OK\r\n\r\n")
    talk.now += 70
    hello = small_hello(b"api.claude.ai", padding=200)
    talk.send(hello[:100], acknowledged=False).send(hello[100:])
    first, second = observe(talk.frames)
    assert (first["kind"], first["host"], first["name_from"]) == ("http", "claude.ai", "http_host")
    assert (second["kind"], second["host"], second["name_from"]) == ("tls", "api.claude.ai", "sni")
    assert (first["method"], second["method"], first["status"]) == ("CONNECT", "CONNECT", 200)


def test_a_proxy_that_first_wants_to_know_who_asks() -> None:
    request = b"CONNECT claude.ai:443 HTTP/1.1\r\nHost: claude.ai:443\r\n"
    talk = Talk(server_port=3128).shake().send(request + b"\r\n").reply(b"HTTP/1.1 407 Who?\r\n\r\n")
    talk.send(request + b"Proxy-Authorization: Negotiate YQ==\r\n\r\n").reply(b"HTTP/1.1 200 OK\r\n\r\n")
    assert one(talk.send(small_hello(b"claude.ai")).frames)["status"] == 200


def test_later_slices_keep_the_name() -> None:
    talk = Talk().shake().send(small_hello())
    for _ in range(3):
        talk.now += 61
        talk.send(b"more")
    rows = observe(talk.frames)
    assert [r["host"] for r in rows] == ["api.openai.com"] * 4
    assert [r["slice"] for r in rows] == [0, 1, 2, 3]


def test_a_cut_hello_may_still_hold_the_name() -> None:
    hello = small_hello(padding=300, name_first=True)
    row = one(Talk().shake().send(hello[:-100]).close().frames)
    assert (row["kind"], row["host"], row["ja4"], row["client_class"]) == (
        "tls",
        "api.openai.com",
        None,
        None,
    )


def test_unfinished_hellos_take_bounded_room_and_hide_no_other() -> None:
    frames = []
    hello = small_hello(padding=1200)
    for n in range(9000):
        talk = Talk(port=1024 + n, now=T0 + n / 10000)
        talk.put("up", 1, 0, 2)
        talk.put("up", 2, 9, ACK, hello[:700])
        frames += talk.frames
    frames += Talk(port=999, now=T0 + 1).shake().send(hello[:700]).send(hello[700:]).frames
    frames.sort(key=lambda f: f.time)
    got = decode(pcap(frames))
    assert got["observations"].filter(pl.col("host").is_not_null())["client_port"].to_list() == [999]
    assert totals(got["coverage"])["names_lost"] == 9001 - 8192


def test_tiny_segments_do_not_cost_without_end() -> None:
    hello = small_hello(padding=3000)
    talk = Talk().shake()
    for k in range(300):
        talk.put("up", talk.up + k, talk.down, ACK, hello[k : k + 1])
    got = decode(pcap(talk.frames))
    assert totals(got["coverage"])["names_lost"] == 1
