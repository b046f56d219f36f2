"""DNS messages: each question once, every address and ECH configuration it was answered with."""

from __future__ import annotations

import io
import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.capture.reader import Capture
from sensor.decode.decoder import Decoder, decode_capture
from sensor.decode.dns.lookups import Lookups
from sensor.decode.layout import EVENT, TCP, UDP, records
from sensor.decode.tcp.messages import DNS_MESSAGE
from tests.sensor.decode.craft import T0, Frame, conserves, decode, ethernet, ip, pcap, totals, udp
from tests.sensor.decode.craft.dns import (
    ASKER,
    HOST,
    POINTER,
    RESOLVER,
    Answer,
    answer,
    ech_config,
    ech_list,
    message,
    name,
    question,
    service,
)


def edns(*options: tuple[int, bytes], upper_rcode: int = 0) -> bytes:
    """An OPT record (RFC 6891 §6.1.2)."""
    body = b"".join(struct.pack(">HH", code, len(data)) + data for code, data in options)
    return b"\0" + struct.pack(">HHIH", 41, 1232, upper_rcode << 24, len(body)) + body


def test_a_lookup_is_one_row_and_its_addresses_are_answers() -> None:
    alias = name("x.cdn.example")
    reply = message(HOST, answers=[
        (POINTER, 5, alias),
        (alias, 1, bytes([104, 18, 1, 1])),
        (alias, 28, bytes.fromhex("20010db8000000000000000000000001")),
    ])  # fmt: skip
    got = decode(pcap([question(message(HOST)), answer(reply)]))
    (row,) = got["observations"].to_dicts()
    assert (row["kind"], row["host"], row["name_from"], row["action"]) == (
        "dns",
        "api.openai.com",
        "qname",
        "allowed",
    )
    assert (row["client"], row["server"], row["server_port"], row["transport"]) == (
        ASKER,
        RESOLVER,
        53,
        "udp",
    )
    assert (row["cname"], row["started_at"], row["slice"], row["bytes_up"]) == (
        "x.cdn.example",
        None,
        None,
        None,
    )
    answers = got["answers"].select("client", "address", "host", "cname", "ttl_s").rows()
    assert answers == [
        (ASKER, "104.18.1.1", "api.openai.com", "x.cdn.example", 300),
        (ASKER, "2001:db8::1", "api.openai.com", "x.cdn.example", 300),
    ]
    conserves(got["coverage"], 2)


def test_hints_of_https_records_are_answers_too() -> None:
    hints = struct.pack(">H", 1) + b"\0" + struct.pack(">HH", 1, 3) + b"\x02h3"
    hints += struct.pack(">HH4s4s", 4, 8, bytes([1, 2, 3, 4]), bytes([1, 2, 3, 5]))
    hints += struct.pack(">HH", 6, 16) + bytes(15) + b"\x07"
    got = decode(pcap([answer(message(HOST, kind=65, answers=[(POINTER, 65, hints)]))]))
    assert got["answers"]["address"].to_list() == ["1.2.3.4", "1.2.3.5", "::7"]


@pytest.mark.parametrize(
    ("answers", "rcode", "action"),
    [
        ([], 3, "blocked"),
        ([], 5, "blocked"),
        ([(POINTER, 1, bytes(4))], 0, "blocked"),
        ([(POINTER, 28, bytes(16))], 0, "blocked"),
        ([], 0, "allowed"),
        ([], 2, "allowed"),
        ([(POINTER, 1, bytes(4)), (POINTER, 1, bytes([1, 1, 1, 1]))], 0, "allowed"),
    ],
)
def test_blocked_is_told_from_the_answer(answers: list[Answer], rcode: int, action: str) -> None:
    frames = [question(message(HOST)), answer(message(HOST, answers=answers, rcode=rcode))]
    assert decode(pcap(frames))["observations"]["action"].to_list() == [action]


@pytest.mark.parametrize("kind", [28, 64, 65])
@pytest.mark.parametrize(
    ("address", "code", "later", "actions"),
    [
        (bytes([1, 1, 1, 1]), 0, 0.5, ["allowed", "allowed"]),
        (bytes(4), 0, 0.5, ["blocked", "blocked"]),
        (bytes([1, 1, 1, 1]), 3, 0.5, ["blocked", "blocked"]),
        (bytes([1, 1, 1, 1]), 0, 6.0, ["allowed", "blocked"]),
    ],
)
@pytest.mark.parametrize("every", [1, 100, 10_000])
def test_a_name_with_an_address_is_not_blocked_because_another_type_is_refused(
    every: int, address: bytes, code: int, later: float, actions: list[str], kind: int
) -> None:
    """Networks refuse questions for HTTPS records against Encrypted Client Hello, or those for AAAA."""
    other = message(HOST, ident=8, kind=kind, answers=[], rcode=5)
    for first, second in ((0.0, later), (later, 0.0)):
        frames = [
            question(message(HOST), at=first),
            answer(message(HOST, answers=[(POINTER, 1, address)], rcode=code), at=first + 0.01),
            question(message(HOST, ident=8, kind=kind), at=second, port=5354),
            answer(other, at=second + 0.01, port=5354),
            question(message(name("later.example"), ident=9), at=20.0, port=5355),
        ]
        rows = pl.concat(
            part["observations"] for part in in_batches(sorted(frames, key=lambda f: f.time), every)
        )
        rows = rows.filter(pl.col("host") == "api.openai.com").sort("client_port")
        assert rows["action"].to_list() == actions


def test_a_truncated_answer_is_none_yet() -> None:
    cut = bytearray(message(HOST, answers=[(POINTER, 1, bytes(4))]))
    cut[2] |= 2
    frames = [question(message(HOST)), answer(bytes(cut))]
    assert decode(pcap(frames))["observations"]["action"].to_list() == ["allowed"]


@pytest.mark.parametrize(
    ("rcode", "extra", "action"),
    [
        (3, edns(), "blocked"),
        (3, edns(upper_rcode=1), "allowed"),  # 19 is no NXDOMAIN
        (0, edns((8, bytes.fromhex("00011800c00002")), (15, b"\0\x0ffiltered")), "blocked"),
        (0, edns((15, b"\0\x03")), "allowed"),  # stale answer
        (0, edns((15, b"")), "allowed"),
        (0, edns((10, bytes(8)))[:-3], "allowed"),
    ],
)
def test_edns_says_more_about_the_answer(rcode: int, extra: bytes, action: str) -> None:
    reply = message(HOST, answers=[(POINTER, 1, bytes([9, 9, 9, 9]))], rcode=rcode, extra=extra)
    got = decode(pcap([question(message(HOST, extra=edns())), answer(reply)]))
    assert got["observations"]["action"].to_list() == [action]
    assert got["answers"]["address"].to_list() == ["9.9.9.9"]


def told(*answers: Answer, kind: int = 1) -> dict[str, pl.DataFrame]:
    return decode(pcap([answer(message(HOST, kind=kind, answers=list(answers)))]))


def test_only_the_name_asked_for_and_its_aliases_are_answers() -> None:
    first, second = name("x.cdn.example"), name("Y.cdn.example")
    one, two = bytes([198, 51, 100, 1]), bytes([198, 51, 100, 2])
    in_order = told((POINTER, 5, first), (first, 5, second), (second, 1, one), (name("z.example"), 1, two))
    assert in_order["answers"].select("address", "cname").rows() == [("198.51.100.1", "y.cdn.example")]
    shuffled = told((second, 1, one), (first, 5, second), (POINTER, 5, first))
    assert shuffled["answers"].select("address", "cname").rows() == [("198.51.100.1", "y.cdn.example")]
    assert told((name("stranger.example"), 1, one))["answers"].is_empty()
    looped = told((POINTER, 5, first), (first, 5, second), (second, 5, first), (first, 1, one))
    assert looped["observations"].height == 1


def test_endless_aliases_and_addresses_are_cut() -> None:
    aliases = told(*[(POINTER, 5, POINTER)] * 300, (POINTER, 1, bytes([9, 9, 9, 9])))
    assert aliases["answers"].is_empty()
    flood = told(*[(POINTER, 1, bytes([9, 9, n >> 8, n & 255])) for n in range(400)])
    assert flood["answers"].height == 256


def test_names_are_compared_without_case_and_with_escapes() -> None:
    odd = b"\x05a.b\xffC\x07Example\0"
    reply = message(odd, answers=[(odd.swapcase(), 1, bytes([1, 2, 3, 4]))])
    got = decode(pcap([answer(reply)]))
    assert got["answers"].select("host", "address").rows() == [("a\\046b\\255c.example", "1.2.3.4")]


def test_an_alias_of_an_https_record_is_followed() -> None:
    target = name("svc.example")
    got = told(
        (POINTER, 65, service((4, bytes(4)), priority=0, target=target)),
        (target, 65, service((4, bytes([1, 2, 3, 4])))),
        kind=65,
    )
    assert got["answers"].select("address", "cname", "hint").rows() == [("1.2.3.4", "svc.example", True)]


def test_ech_configurations_are_answers_without_address() -> None:
    parameters = [
        (1, b"\x02h3"),
        (4, bytes([1, 2, 3, 4])),
        ech_list(
            ech_config(1, b"ignored.example", version=0xFE0A),
            ech_config(7, b"Cover.example"),
            ech_config(255, b"cover.example", key=1184),
            ech_config(9, b"no host name"),
        ),
    ]
    got = told((POINTER, 65, service(*parameters)), kind=65)["answers"]
    rows = got.select("host", "address", "ech_config", "ech_public_name", "ttl_s").rows()
    assert rows == [
        ("api.openai.com", "1.2.3.4", None, None, 300),
        ("api.openai.com", None, 7, "cover.example", 300),
        ("api.openai.com", None, 255, "cover.example", 300),
    ]


def test_a_malformed_service_record_says_nothing() -> None:
    config = ech_config(7, b"cover.example")
    broken = [
        service((6, bytes(16)), ech_list(config)),  # keys must rise
        service(ech_list(config))[:-1],
        service((5, struct.pack(">H", len(config) + 1) + config)),
        service((5, struct.pack(">H", len(config)) + config + b"x")),
        service(ech_list(config[:2] + b"\xff\xff" + config[4:])),
        service((5, b"")),
        b"\0",
    ]
    for data in broken:
        assert told((POINTER, 65, data), kind=65)["answers"].is_empty(), data.hex()


def test_the_room_for_public_names_is_shared() -> None:
    long = b".".join([b"a" * 63] * 3) + b".example"
    listed = ech_list(*(ech_config(n, long) for n in range(20)))
    got = told((POINTER, 65, service(listed)), (POINTER, 65, service(listed)), kind=65)["answers"]
    assert got["ech_config"].to_list() == list(range(4))
    assert set(got["ech_public_name"]) == {long.decode()}


def test_a_second_copy_of_an_answer_is_no_second_lookup() -> None:
    """A datagram in fragments may come once in part and once whole."""
    whole = message(HOST, answers=[(POINTER, 1, bytes([9, 9, 9, n])) for n in range(3)])
    frames = [question(message(HOST)), answer(whole[:-16]), answer(whole, 0.02), answer(whole, 0.5)]
    got = decode(pcap(frames))
    assert got["observations"].height == 1
    assert set(got["answers"]["address"]) == {"9.9.9.0", "9.9.9.1", "9.9.9.2"}


def test_messages_over_tcp_and_in_tunnels_say_so() -> None:
    asked, reply = message(HOST), message(HOST, answers=[(POINTER, 1, bytes([9, 9, 9, 9]))] * 600)
    events = records(EVENT, 3)
    events["kind"], events["protocol"], events["time"] = DNS_MESSAGE, TCP, int(T0 * 1e6)
    events["offset"], events["length"] = [0, len(asked), 0], [len(asked), len(reply), len(asked)]
    events["port"] = [(5000, 53), (53, 5000), (5000, 53)]
    low = np.uint64(0xFFFF0A000001)
    events["address"] = [(0, low, 0, low + np.uint64(1)), (0, low + np.uint64(1), 0, low), (0, low, 0, 0)]
    events["protocol"][2] = UDP
    arena = np.frombuffer(asked + reply, np.uint8).copy()
    with np.errstate(over="ignore"):
        rows, told, unreadable = Lookups().read(arena, events, None)
    assert sorted(rows["transport"]) == ["tcp", "udp"]
    assert rows["tunnel"].to_list() == [None, None]
    assert told.select("client", "address").rows() == [("10.0.0.1", "9.9.9.9")]
    assert unreadable.is_empty()
    inner = ethernet(ip(ASKER, RESOLVER, 17, udp(5353, 53, asked)))
    outer = ethernet(ip("192.0.2.1", "192.0.2.2", 17, udp(9999, 4789, b"\x08\0\0\0\0\0\x07\0" + inner)))
    assert decode(pcap([Frame(outer)]))["observations"]["tunnel"].to_list() == ["vxlan:7"]


def test_unreadable_messages_are_counted_and_root_questions_are_not() -> None:
    frames = [question(message(b"\xc0\x0c")), question(message(b"\0", kind=2)), question(message(HOST)[:20])]
    got = decode(pcap(frames))
    assert got["observations"].is_empty()
    assert totals(got["coverage"])["rejected"] == 2


def test_repeated_questions() -> None:
    asked = message(HOST)
    same_lookup = [question(asked), question(asked, 1.0), question(asked, 3.0)]
    assert decode(pcap(same_lookup))["observations"].height == 1
    later = [question(asked), question(asked, 9.0)]
    assert decode(pcap(later))["observations"].height == 2
    other_id = [question(asked), question(message(HOST, ident=8), 0.001)]
    assert decode(pcap(other_id))["observations"].height == 2


def in_batches(frames: list[Frame], every: int) -> list[dict[str, pl.DataFrame]]:
    """What each batch of about `every` bytes gives."""
    decoder, content = Decoder((), connections=64), pcap(frames)
    capture = Capture(io.BytesIO(content), content)
    parts = [decoder.batch() for _ in decode_capture(decoder, capture, every)]
    return [*parts, decoder.batch(last=True)]


def _never_ceasing(*, answered: bool) -> list[Frame]:
    """A device that asks every four seconds with the same id and port."""
    asked, reply = message(HOST), message(HOST, answers=[(POINTER, 1, bytes([9, 9, 9, 9]))])
    frames = []
    for n in range(60):
        frames.append(question(asked, 4.0 * n))
        frames += [answer(reply, 4.0 * n + 0.01)] if answered else []
    return frames


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("every", [1, 200, 3000, 1 << 20])
def test_a_client_that_never_ceases_to_ask(answered: bool, every: int) -> None:
    frames = _never_ceasing(answered=answered)
    parts = in_batches(frames, every)
    rows = pl.concat([part["observations"] for part in parts])
    assert rows.height == 30  # two questions each
    assert rows["duration_s"].max() == (4.01 if answered else 4.0)
    assert rows.equals(decode(pcap(frames))["observations"])
    assert every == 1 << 20 or parts[-1]["observations"].height <= 20  # no lookup waits for the end


def test_an_answer_alone_still_shows_the_question() -> None:
    reply = message(HOST, answers=[(POINTER, 1, bytes([9, 9, 9, 9]))])
    (row,) = decode(pcap([answer(reply)]))["observations"].to_dicts()
    assert (row["client"], row["host"]) == (ASKER, "api.openai.com")


def test_a_label_cannot_pretend_to_be_two() -> None:
    hostile = bytes([14]) + b"api.openai.com" + b"\0"
    row = decode(pcap([question(message(hostile))]))["observations"].to_dicts()[0]
    assert row["host"] == "api\\046openai\\046com"


def test_loops_and_overlong_names_give_nothing() -> None:
    for hostile in (b"\xc0\x0c", b"\x01a\xc0\x0c", (b"\x3f" + b"a" * 63) * 5 + b"\0", b"\x40abc\0", b"\0"):
        got = decode(pcap([question(message(hostile))]))
        assert got["observations"].height == 0
        conserves(got["coverage"], 1)


def test_a_plain_lookup_is_one_at_any_port() -> None:
    def asked(port: int, data: bytes) -> Frame:
        return Frame(ethernet(ip(ASKER, RESOLVER, 17, udp(40000, port, data))), T0)

    told = message(HOST, answers=[(POINTER, 1, b"\x0a\0\0\x01")])
    answered = Frame(ethernet(ip(RESOLVER, ASKER, 17, udp(443, 40000, told))), T0 + 1)
    (row,) = decode(pcap([asked(443, message(HOST)), answered]))["observations"].to_dicts()
    assert (row["kind"], row["host"], row["client"]) == ("dns", "api.openai.com", ASKER)
    assert row["server_port"] == 443
    two_questions = message(HOST)[:4] + b"\0\2" + message(HOST)[6:]
    for port, data in ((137, message(HOST)), (443, two_questions)):
        (row,) = decode(pcap([asked(port, data)]))["observations"].to_dicts()
        assert row["kind"] == "flow"


def test_other_traffic_on_port_53_stays_a_flow() -> None:
    row = decode(pcap([question(b"\xff" * 40)]))["observations"].to_dicts()[0]
    assert (row["kind"], row["server_port"], row["bytes_up"]) == ("flow", 53, 40)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=120), st.integers(0, 240), st.binary(max_size=6))
def test_damaged_messages_never_raise(tail: bytes, at: int, patch: bytes) -> None:
    rich = service((4, bytes(8)), ech_list(ech_config(3, b"cover.example"), ech_config(4, b"c.example")))
    answers = [(POINTER, 5, name("a.b")), (name("a.b"), 1, bytes(4)), (name("a.b"), 65, rich)]
    reply = message(HOST, answers=answers, extra=edns((15, b"\0\x0f")))
    damaged = reply[:at] + patch + reply[at + len(patch) :]
    frames = [answer(damaged), answer(reply[:at]), answer(reply[:12] + tail)]
    conserves(decode(pcap(frames))["coverage"], 3)


def told_to(frames: list[Frame]) -> tuple[list[tuple[object, ...]], int]:
    """(address, unasked) of the answers that count, and how many messages were rejected."""
    got = decode(pcap(frames))
    rows = got["answers"].select("address", "unasked").rows()
    return rows, totals(got["coverage"])["rejected"]


GIVEN = [(POINTER, 1, bytes([9, 9, 9, 9]))]


def test_an_answer_counts_if_its_client_asked_for_it() -> None:
    asked, reply = question(message(HOST)), answer(message(HOST, answers=GIVEN))
    assert told_to([asked, reply]) == ([("9.9.9.9", False)], 0)
    late = Frame(reply.data, T0 + 5.5)
    assert told_to([asked, late]) == ([], 1)
    before = Frame(reply.data, T0 - 0.04)  # the legs of a TAP come out of order
    assert told_to([before, asked]) == ([("9.9.9.9", False)], 0)


@pytest.mark.parametrize(
    "forged",
    [
        answer(message(HOST, ident=8, answers=GIVEN)),
        answer(message(HOST, answers=GIVEN), port=5354),
        answer(message(name("other.example"), answers=GIVEN)),
        answer(message(HOST, kind=28, answers=[(POINTER, 28, bytes(15) + b"\1")])),
        Frame(ethernet(ip("10.0.0.66", ASKER, 17, udp(53, 5353, message(HOST, answers=GIVEN)))), T0 + 0.01),
    ],
    ids=["id", "port", "name", "type", "server"],
)
def test_an_answer_that_was_not_asked_for_names_nothing(forged: Frame) -> None:
    frames = [question(message(HOST)), forged, answer(message(HOST, answers=[]), 0.02)]
    assert told_to(frames) == ([], 1)


def test_responses_without_any_query_have_less_confidence() -> None:
    one_sided = [answer(message(HOST, ident=n, answers=GIVEN), n) for n in range(3)]
    rows, rejected = told_to(one_sided)
    assert set(rows) == {("9.9.9.9", True)} and rejected == 0
    # From its first question on, a client's questions do pass.
    rows, rejected = told_to([*one_sided, question(message(HOST, ident=9), 20), answer(
        message(HOST, ident=10, answers=GIVEN), 20.1)])  # fmt: skip
    assert len(rows) == 3 and rejected == 1
    # That others are seen to ask says nothing of this client.
    other = Frame(ethernet(ip("10.0.2.9", RESOLVER, 17, udp(5353, 53, message(HOST)))), T0)
    assert told_to([other, answer(message(HOST, answers=GIVEN))]) == ([("9.9.9.9", True)], 0)
