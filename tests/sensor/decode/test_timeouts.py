"""A live decoder's clock goes on without packets: what is idle ends, and the next packet is believed."""

from __future__ import annotations

from io import BytesIO

from sensor.decode.capture.reader import Capture
from sensor.decode.decoder import Decoder
from sensor.decode.flows.table import UDP_IDLE
from tests.sensor.decode.craft import T0, Frame, ethernet, ip, pcap, udp

US = 1_000_000
START = int(T0) * US
HOUR = 3600 * US


def datagram(port: int, seconds: float) -> Frame:
    return Frame(ethernet(ip("10.1.0.5", "203.0.113.9", 17, udp(port, 9999, b"x" * 20))), T0 + seconds)


def feed(decoder: Decoder, *frames: Frame) -> bool:
    """Each frame as a block of its own, as on a quiet port; True if the batch must be cut."""
    full = False
    for frame in frames:
        content = pcap([frame])
        capture = Capture(BytesIO(content), content)
        while capture.advance():
            done, full = decoder.decode(capture, 0, capture.ready)
            if full:
                return True
            capture.drop(done)
    return full


def test_silence_ends_what_is_idle() -> None:
    decoder = Decoder(("10.0.0.0/8",), connections=16)
    feed(decoder, datagram(5000, 0), datagram(5000, 1))
    assert decoder.batch()["observations"].is_empty()
    assert not decoder.pass_time(START + UDP_IDLE)
    assert not decoder.pass_time(START + 2 * US + UDP_IDLE)
    (row,) = decoder.batch()["observations"].to_dicts()
    assert (row["bytes_up"], row["packets_up"], row["duration_s"]) == (40, 2, 1.0)


def test_the_timestamp_after_hours_of_silence_is_accepted() -> None:
    decoder = Decoder((), connections=16)
    feed(decoder, datagram(5000, 0))
    for minute in range(150):
        decoder.pass_time(START + minute * 60 * US)
    feed(decoder, datagram(5000, 9000))
    assert decoder.clock == START + 9000 * US
    decoder.end_connections()
    frames = decoder.batch(last=True)
    assert frames["observations"].height == 2
    assert frames["coverage"]["clock_jumps"].sum() == 0


def test_time_does_not_begin_before_the_first_packet_nor_go_back() -> None:
    decoder = Decoder((), connections=16)
    assert not decoder.pass_time(START)
    assert decoder.clock is None
    feed(decoder, datagram(5000, 60))
    decoder.pass_time(START)
    assert decoder.clock == START + 60 * US


def test_a_clock_set_back_starts_over() -> None:
    decoder = Decoder((), connections=16)
    feed(decoder, datagram(5000, 7200))
    decoder.pass_time(START)
    assert decoder.clock is None
    feed(decoder, datagram(5000, 1))
    assert decoder.clock == START + US
    decoder.end_connections()
    assert decoder.batch(last=True)["observations"].height == 2


def test_full_outputs_ask_for_a_cut() -> None:
    decoder = Decoder((), connections=1024, slices=200)
    assert not feed(decoder, *(datagram(1000 + n, n / 1000) for n in range(700)))
    ends = START + UDP_IDLE + 2 * US
    rows, cuts = 0, 0
    while decoder.pass_time(ends + cuts):
        cuts += 1
        rows += decoder.batch()["observations"].height
    assert cuts == 2  # a sweep of 64 rows may overshoot: 264, 264, 172
    assert rows + decoder.batch()["observations"].height == 700


def test_the_end_comes_in_parts() -> None:
    decoder = Decoder((), connections=1024, slices=200, batch_rows=200)
    feed(decoder, *(datagram(1000 + n, n / 1000) for n in range(700)))
    rows = [decoder.batch()["observations"].height for _ in decoder.ending()]
    rows.append(decoder.batch(last=True)["observations"].height)
    assert len(rows) == 4
    assert max(rows) <= 201
    assert sum(rows) == 700
