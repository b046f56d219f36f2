"""Labels: what each first message says, what later ones leave standing, and batches cut anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.dissection.addresses import Networks
from sensor.decode.layout import SLICE, records
from sensor.decode.tables import observations
from sensor.decode.tables.labels import SCHEMA, Labels
from sensor.decode.tcp.messages import CERTIFICATE, HELLO, INITIAL, PREFACE, REQUEST
from tests.sensor.decode.craft.http2 import END_HEADERS, HEADERS, OPENING, block, frame
from tests.sensor.decode.craft.quic import crypto, events_of, seal
from tests.sensor.decode.craft.tls import (
    CORPUS,
    NAMED,
    NAMELESS,
    certificate,
    chain,
    hello,
    needs_corpus,
    server_hello,
    sni,
)

Message = tuple[int, int, int, bytes]


CONNECT = b"CONNECT proxied.example:443 HTTP/1.1\r\nUser-Agent: curl/8\r\n\r\n"
PROMPT = b"POST /v1/chat HTTP/1.1\r\nHost: plain.example\r\n\r\n"
H2C = OPENING + frame(HEADERS, END_HEADERS, block())
SHOWN = server_hello() + chain(certificate("shown.example"))


def label(messages: Sequence[Message], labels: Labels | None = None) -> list[dict[str, Any]]:
    """Filled labels of all connections, by connection and message."""
    arena, events = events_of(messages)
    known = (labels or Labels()).read(arena, events, events["serial"])
    return known.sort("serial", "ordinal").to_dicts()


def last(*contents: tuple[int, bytes]) -> dict[str, Any]:
    """The last label of one connection's messages."""
    return label([(kind, 1, 0, content) for kind, content in contents])[-1]


def test_columns() -> None:
    arena, events = events_of([(HELLO, 1, 0, NAMED)])
    known = Labels().read(arena, events, events["serial"])
    assert dict(known.schema) == {name: dtype for name, dtype in SCHEMA.items() if name != "time"}
    empty = Labels().read(arena, events[:0], events["serial"])
    assert (empty.schema, empty.height) == (known.schema, 0)


def test_each_kind_of_message() -> None:
    rows = label([(HELLO, 1, 0, NAMED), (REQUEST, 2, 0, PROMPT), (PREFACE, 3, 0, H2C),
                  (CERTIFICATE, 4, 1, SHOWN), (INITIAL, 5, 1, seal(crypto(0, NAMED), 1))])  # fmt: skip
    assert [(r["kind"], r["host"], r["name_from"], r["client"]) for r in rows] == [
        ("tls", "api.openai.com", "sni", None),
        ("http", "plain.example", "http_host", None),
        ("http", "llm.example.com", "http_host", None),
        ("tls", "shown.example", "certificate", None),
        ("quic", "api.openai.com", "quic_sni", 2),
    ]
    assert (rows[2]["method"], rows[2]["path"]) == ("POST", "/v1/chat/completions")
    assert rows[4]["ja4"] == "q" + rows[0]["ja4"][1:]


def test_a_later_label_leaves_standing_what_it_does_not_say() -> None:
    row = last((REQUEST, CONNECT), (HELLO, NAMELESS))
    assert (row["kind"], row["host"], row["name_from"]) == ("tls", "proxied.example", "http_host")
    assert (row["method"], row["user_agent"]) == ("CONNECT", "curl/8")
    assert row["ja4"].startswith("t12i")
    row = last((REQUEST, CONNECT), (HELLO, NAMED))
    assert (row["host"], row["name_from"]) == ("api.openai.com", "sni")


def test_a_certificate_names_only_what_has_no_name() -> None:
    other = server_hello() + chain(certificate("other.example"))
    assert last((HELLO, NAMED), (CERTIFICATE, SHOWN))["name_from"] == "sni"
    assert last((HELLO, NAMELESS), (CERTIFICATE, SHOWN))["host"] == "shown.example"
    assert last((CERTIFICATE, SHOWN), (CERTIFICATE, other))["host"] == "shown.example"
    assert last((CERTIFICATE, SHOWN), (HELLO, NAMELESS))["name_from"] == "certificate"
    assert last((CERTIFICATE, SHOWN), (HELLO, NAMED))["host"] == "api.openai.com"


@pytest.mark.parametrize("name", [b"192.0.2.1", b"2001:db8::1", b"no host", b"\xff\xfe.example", b"-" * 300])
def test_what_is_no_host_name_is_no_host(name: bytes) -> None:
    row = last((HELLO, hello({0: sni(name)})))
    assert (row["host"], row["name_from"]) == (None, None)
    assert row["ja4"].startswith("t12d")  # the extension was there


def test_a_cut_hello_has_a_name_but_no_fingerprint() -> None:
    whole = hello({0: sni(b"api.openai.com"), 21: bytes(50)})
    row = last((HELLO, whole[:-1]))
    assert (row["host"], row["ja4"], row["client_class"], row["ech"]) == ("api.openai.com", None, None, None)


def test_encrypted_client_hello() -> None:
    outer = b"\0\0\x01\0\x01\x2a\0\x20" + bytes(32) + b"\0\x10" + bytes(16)
    row = last((HELLO, hello({0: sni(b"public.example"), 0xFE0D: outer})))
    assert (row["ech"], row["ech_config"]) == (1, 42)
    for message in (NAMED, hello({0xFE0D: b"\x01"})):  # none, and the marker of a hello inside another
        row = last((HELLO, message))
        assert (row["ech"], row["ech_config"]) == (0, None)
    assert last((REQUEST, PROMPT))["ech"] is None


@needs_corpus
@pytest.mark.parametrize("row", CORPUS, ids=lambda r: f"{r['client']}-{r['clienthello_len']}")
def test_corpus_over_quic_and_tcp(row: dict[str, Any]) -> None:
    record = bytes.fromhex(row["record_hex"])
    message = record[5 : 9 + int.from_bytes(record[6:9], "big")]
    tcp, quic = last((HELLO, message)), last(*halves(message))
    wanted = "browser" if row["client"].startswith(("Chromium", "Firefox")) else "program"
    assert (tcp["host"], tcp["ja4"], tcp["client_class"]) == (row["sni"], row["ja4"], wanted)
    assert tcp["ech"] == int(row["ech"]) and (tcp["ech_config"] is not None) == row["ech"]
    assert (quic["ja4"][1:], quic["client_class"], quic["ech"]) == (row["ja4"][1:], wanted, tcp["ech"])


def halves(message: bytes) -> list[tuple[int, bytes]]:
    """A hello in two Initials, as browsers of today need them."""
    cut = len(message) // 2
    return [(INITIAL, seal(crypto(a, message[a:b]), a)) for a, b in ((0, cut), (cut, len(message)))]


CONNECTIONS: list[list[Message]] = [
    [(REQUEST, 1, 0, CONNECT), (HELLO, 1, 0, NAMELESS), (CERTIFICATE, 1, 1, SHOWN)],
    [(HELLO, 2, 0, NAMED), (CERTIFICATE, 2, 1, SHOWN)],
    [(CERTIFICATE, 3, 1, SHOWN), (HELLO, 3, 0, NAMELESS)],
    [(PREFACE, 4, 0, H2C)],
    [(INITIAL, 5, 1, data) for _, data in halves(hello({0: sni(b"early.example"), 21: bytes(300)}))],
    [(INITIAL, 6, 0, seal(b"\x01", n)) for n in range(6)],
]


@given(st.permutations([n for n, messages in enumerate(CONNECTIONS) for _ in messages]), st.data())
@settings(deadline=None, max_examples=30)
def test_batches_cut_anywhere_give_the_same_labels(order: list[int], data: st.DataObject) -> None:
    queues = [iter(messages) for messages in CONNECTIONS]
    messages = [next(queues[n]) for n in order]
    arena, events = events_of(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=4)))
    together, apart = Labels(), Labels()
    everyone = np.arange(1, 7)
    whole = together.read(arena, events, everyone)
    for part in np.split(events, cuts):
        apart.read(arena, part, everyone)
    again = apart.read(arena, events[:0], everyone)
    key = ["serial", "ordinal"]
    assert again.sort(key).equals(whole.sort(key))
    assert together.skipped() == apart.skipped() != []
    assert together.skipped() == []


def test_only_living_connections_are_remembered() -> None:
    labels = Labels()
    arena, events = events_of([(HELLO, 1, 0, NAMED)])
    many = np.repeat(events, 70_000)
    many["serial"] = np.arange(70_000)
    assert labels.read(arena, many, np.array([5, 6])).height == 2
    labels.forget(np.array([5], np.int64))
    assert labels.read(arena, events[:0], np.array([5, 6]))["serial"].to_list() == [5]


def test_skipped_initials_are_counted_in_their_minutes() -> None:
    counts = observations.skip_counts([59_000_000, 61_000_000, 62_000_000])
    assert counts.select("minute", "quic_skipped").rows() == [(0, 1), (60_000_000, 1), (60_000_000, 1)]
    assert observations.skip_counts([]).height == 0


@pytest.mark.parametrize(("opened", "up"), [(None, 40_000), (2, 443), (1, 40_000)])
def test_whose_initials_opened_is_the_client(opened: int | None, up: int) -> None:
    slices = records(SLICE, 1)
    slices["serial"], slices["events"], slices["client"], slices["protocol"] = 1, 2, 1, 17
    slices["port"] = (40_000, 443)
    columns = {name: pl.Series([None], dtype=dtype) for name, dtype in SCHEMA.items() if name != "time"}
    labels = pl.DataFrame(columns).with_columns(
        serial=pl.lit(1, pl.Int64), ordinal=pl.lit(2, pl.Int64), client=pl.lit(opened, pl.Int64)
    )
    rows = observations.together([observations.connections(slices, labels, Networks(()))])
    assert rows["port_up"].to_list() == [up]
