"""DNS over TCP: messages behind their length, however segments cut them."""

from __future__ import annotations

import pytest

from tests.sensor.decode.craft import T0, Frame, Talk, decode, one, pcap, totals
from tests.sensor.decode.craft.dns import HOST, POINTER, framed, message
from tests.sensor.decode.craft.tls import small_hello

OTHER = b"\x04chat\x07example\x00"
SERVER = bytes([104, 18, 1, 1])


def talk() -> Talk:
    return Talk(server="10.0.0.53", server_port=53).shake()


def lookups(frames: list[Frame]) -> list[tuple[str, str]]:
    rows = decode(pcap(frames))["observations"].to_dicts()
    return sorted((row["host"], row["transport"]) for row in rows if row["kind"] == "dns")


QUESTION = framed(message(HOST))
ANSWER = framed(message(HOST, answers=[(POINTER, 1, SERVER)]))
SECOND = framed(message(OTHER))


def test_a_question_and_its_answer_are_one_lookup() -> None:
    got = decode(pcap(talk().send(QUESTION).reply(ANSWER).close().frames))
    rows = [row for row in got["observations"].to_dicts() if row["kind"] == "dns"]
    assert [(r["host"], r["transport"], r["server"], r["server_port"]) for r in rows] == [
        ("api.openai.com", "tcp", "10.0.0.53", 53)
    ]
    assert got["answers"]["address"].to_list() == ["104.18.1.1"]


def test_two_messages_in_one_segment_are_two_lookups() -> None:
    assert lookups(talk().send(QUESTION + SECOND).frames) == [
        ("api.openai.com", "tcp"),
        ("chat.example", "tcp"),
    ]


def test_as_many_questions_as_a_segment_holds_are_read() -> None:
    """Of the shortest names that are in use."""
    names = [b"\7" + b"host%03d" % n + b"\3com\0" for n in range(1460 // 31)]
    got = decode(pcap(talk().send(b"".join(framed(message(name)) for name in names)).frames))
    assert got["observations"].filter(kind="dns").height == len(names) > 32
    assert totals(got["coverage"])["names_lost"] == 0


@pytest.mark.parametrize("swapped", [False, True])
def test_messages_cut_at_every_byte_are_read(swapped: bool) -> None:
    stream = QUESTION + SECOND
    for cut in range(1, len(stream)):
        conversation = talk()
        before = len(conversation.frames)
        conversation.send(stream[:cut], acknowledged=False).send(stream[cut:], acknowledged=False)
        frames = conversation.frames
        if swapped:
            first, second = frames[before : before + 2]
            frames[before : before + 2] = [Frame(second.data, first.time), Frame(first.data, second.time)]
        assert lookups(frames) == [("api.openai.com", "tcp"), ("chat.example", "tcp")], cut


def test_a_question_that_its_fin_overtook_is_read() -> None:
    conversation = talk()
    before = len(conversation.frames)
    frames = conversation.send(QUESTION, acknowledged=False).close().frames
    question, fin = frames[before : before + 2]
    frames[before : before + 2] = [Frame(fin.data, question.time), Frame(question.data, fin.time)]
    assert lookups(frames) == [("api.openai.com", "tcp")]


def test_a_long_conversation_does_not_outgrow_its_pages() -> None:
    conversation = talk()
    names = [f"n{i}.example" for i in range(300)]
    stream = b"".join(
        framed(message(bytes([len(n.split(".")[0])]) + n.split(".")[0].encode() + b"\x07example\x00"))
        for n in names
    )
    for at in range(0, len(stream), 37):
        conversation.send(stream[at : at + 37])
    assert [host for host, _ in lookups(conversation.frames)] == sorted(names)


def test_a_message_with_no_room_is_counted_and_hides_no_other() -> None:
    conversation, zone = talk(), framed(message(HOST, answers=[(POINTER, 1, SERVER)] * 1200))
    for at in range(0, len(zone), 1400):
        conversation.reply(zone[at : at + 1400])
    got = decode(pcap(conversation.reply(framed(message(OTHER, answers=[(POINTER, 1, SERVER)]))).frames))
    assert got["answers"]["host"].to_list() == ["chat.example"]
    assert totals(got["coverage"])["names_lost"] == 1


def test_after_a_loss_the_next_message_is_read() -> None:
    conversation = talk().send(QUESTION[:10])
    conversation.up += 5000  # never seen
    conversation.now += 11
    conversation.send(SECOND)
    conversation.now += 11
    conversation.send(SECOND)
    assert ("chat.example", "tcp") in lookups(conversation.frames)


def test_tls_on_port_53_is_tls() -> None:
    row = one(talk().send(small_hello()).close().frames)
    assert (row["kind"], row["host"]) == ("tls", "api.openai.com")


def test_what_is_no_dns_is_a_connection_without_a_name() -> None:
    row = one(talk().send(b"\x00\x20" + bytes(200)).send(b"hello there").close().frames)
    assert (row["kind"], row["host"], row["bytes_up"]) == ("flow", None, 213)
    assert row["seen_at"].timestamp() == pytest.approx(T0, abs=1)
