"""Turns: records are found however TCP cut them; the same traffic told differently gives the same rows."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from sensor.decode.capture.reader import Capture
from sensor.decode.decoder import Decoder, decode_capture
from sensor.decode.layout import records
from sensor.decode.streaming.answers import COLUMNS
from sensor.decode.streaming.judge import judged, measured
from sensor.decode.streaming.turns import FAST_BYTES, IDLE, LONGEST, SILENCE, TURN, UNITS
from tests.quality import shapes
from tests.quality.evaluate import connection
from tests.quality.shapes import Answer
from tests.quality.wire import Connection, Event, Spoil, address, frames
from tests.sensor.decode.craft import Frame, conserves, decode, pcap, rows_of, totals
from tests.sensor.decode.craft.fragments import routed
from tests.sensor.decode.craft.traffic import shuffled
from tests.sensor.decode.craft.tunnels import vxlan
from tests.sensor.decode.craft.turns import batches, late, tokens

SHAPE = list(COLUMNS)


def shape(made: list[Frame]) -> dict[str, Any]:
    """What is said of the answers of the only connection."""
    tables = decode(pcap(made))
    rows = tables["observations"].filter(pl.col("client") == address(1))
    told = rows.filter(pl.col("judged_turns").is_not_null())
    assert told.height <= 1
    counts = {name: totals(tables["coverage"])[name] for name in ("turns_judged", "turns_unjudged")}
    return (told.select(SHAPE).to_dicts() or [dict.fromkeys(SHAPE)])[0] | counts


def test_an_event_a_token_is_seen_with_its_numbers() -> None:
    answer = tokens()
    gaps = sorted(answer.gaps[1:])
    told = shape(frames(connection(answer), 1))
    assert told["stream_like"] == "A+"
    assert (told["judged_turns"], told["stream_turns"], told["stream_units"]) == (1, 1, 60)
    assert abs(told["stream_unit_bytes"] - 422) <= 1
    assert told["stream_spread"] < 0.01
    assert told["stream_gap_ms"] == pytest.approx(gaps[29] / 1000, abs=0.5)
    assert (told["turns_judged"], told["turns_unjudged"]) == (1, 0)


def test_batches_are_seen() -> None:
    assert shape(frames(connection(batches()), 1))["stream_like"] == "B"


@pytest.mark.parametrize("segment_bytes", [7, 100, 536, 1448, 9000, 60_000])
def test_units_are_records_however_tcp_cuts_them(segment_bytes: int) -> None:
    """Also where a record's header itself is cut."""
    expected = shape(frames(connection(batches()), 1))
    assert shape(frames(connection(batches()), 1, segment_bytes=segment_bytes)) == expected


@pytest.mark.parametrize("wrap", [bytes, vxlan])
@pytest.mark.parametrize("answer", [batches, tokens])
def test_units_are_records_however_routers_cut_segments(
    answer: Callable[[], Answer], wrap: Callable[[bytes], bytes]
) -> None:
    """Their own fragments, and those of a tunnel around them."""
    whole = frames(connection(answer()), 1)
    pieces = [
        Frame(piece, frame.time + n * 1e-6)
        for number, frame in enumerate(whole)
        for n, piece in enumerate(routed(wrap(frame.data), 400, number=number))
    ]
    assert len(pieces) > len(whole)
    assert shape(pieces) == shape(whole)


@pytest.mark.parametrize("first", [2**32 - n for n in (1, 4000, 9000, 20_000)])
def test_sequence_numbers_may_begin_anew(first: int) -> None:
    assert shape(frames(connection(batches()), 1, first=first)) == shape(frames(connection(batches()), 1))


def test_datagrams_are_units_of_quic() -> None:
    told = shape(late(frames(connection(tokens())._replace(quic=True), 1)))
    assert (told["stream_like"], told["stream_units"]) == ("A+", 60)


def test_two_questions_on_one_connection_are_two_turns() -> None:
    once = connection(tokens()).events
    pause = once[-1].at_us + 2_000_000
    again = [Event(pause + at, side, sizes) for at, side, sizes in once]
    told = shape(frames(Connection([*once, *again]), 1))
    assert (told["judged_turns"], told["stream_turns"]) == (2, 2)


def test_a_turn_stands_in_the_slice_in_which_it_ended() -> None:
    events = [Event(50_000_000 + at, side, sizes) for at, side, sizes in connection(tokens(count=600)).events]
    rows = decode(pcap(frames(Connection(events), 1)))["observations"].sort("slice")
    assert rows.filter(pl.col("stream_like").is_not_null())["slice"].to_list() == [rows["slice"].max()]
    assert rows["slice"].max() > 0


def test_an_answer_without_end_is_no_stream_of_tokens() -> None:
    count = int(LONGEST / 200_000 * 1.2)
    told = shape(frames(connection(tokens(count=count, gap_us=200_000)), 1))
    assert (told["stream_like"], told["judged_turns"]) == ("none", 1)


def test_a_download_is_not_followed_further() -> None:
    answer = Answer([16_401] * 40, [90_000] * 40)
    told = shape(frames(connection(answer), 1))
    assert (told["stream_like"], told["turns_judged"], told["turns_unjudged"]) == (None, 0, 0)


def test_what_comes_too_fast_is_judged_as_soon_as_that_is_known() -> None:
    count = 3 * FAST_BYTES // 4000
    told = shape(frames(connection(Answer([4000] * count, [20_000] * count)), 1))
    assert (told["stream_like"], told["judged_turns"]) == ("none", 1)


def test_an_answer_whose_end_was_not_seen_is_not_judged() -> None:
    open_end = frames(connection(tokens())._replace(closed=False), 1)
    told = shape(open_end)
    assert (told["stream_like"], told["turns_unjudged"]) == (None, 1)
    over = shape(late(open_end, IDLE / 1e6 + 1))
    assert (over["stream_like"], over["turns_unjudged"]) == ("A+", 0)


def test_an_answer_with_holes_is_not_judged_and_one_with_few_is() -> None:
    made = frames(connection(tokens(count=100)), 1)
    few, many = (
        [f for n, f in enumerate(made) if n < 20 or n % every or n > len(made) - 5] for every in (40, 5)
    )
    assert shape(few)["stream_like"] == "A+"
    told = shape(many)
    assert (told["stream_like"], told["turns_unjudged"]) == (None, 1)


def test_a_capture_that_cuts_packets_never_guesses() -> None:
    """What one header a segment tells is judged; records behind it cannot be read."""
    cut = Spoil(snap=96)
    assert shape(cut(frames(connection(tokens()), 1)))["stream_like"] == "A+"
    assert shape(cut(frames(connection(batches()), 1)))["stream_like"] is None


def test_half_a_connection_gives_no_turn() -> None:
    made = frames(connection(tokens()), 1)
    source = bytes(map(int, address(1).split(".")))
    for wanted in (True, False):
        told = shape([f for f in made if (f.data[26:30] == source) == wanted])
        assert (told["stream_like"], told["turns_judged"]) == (None, 0)


def test_records_that_lie_about_their_length_end_in_nothing() -> None:
    rng = random.Random(1)
    for n in range(24):
        made = frames(connection(batches(n)), 1)
        at = rng.randrange(14, len(made) - 2)
        data = bytearray(made[at].data)
        if len(data) > 60:
            data[54:59] = rng.randbytes(5) if n % 2 else b"\x17\x03\x03\xff\xff"
        made[at] = Frame(bytes(data), made[at].time)
        tables = decode(pcap(made))
        conserves(tables["coverage"], len(made))
        said = tables["observations"]["stream_like"].drop_nulls().to_list()
        assert said in ([], ["B"], ["none"])


def test_random_bytes_behind_an_upload_are_no_records() -> None:
    rng = random.Random(2)
    made = frames(connection(tokens(count=40)), 1)
    spoilt = [
        Frame(f.data[:54] + rng.randbytes(len(f.data) - 54), f.time) if n > 12 and len(f.data) > 300 else f
        for n, f in enumerate(made)
    ]
    assert shape(spoilt)["stream_like"] is None


def several() -> list[Frame]:
    """Twelve connections at once: streams, batches, downloads, QUIC."""
    made: list[Frame] = []
    for n in range(12):
        download = Answer([4000] * 200, [20_000] * 200)
        kind = (tokens(n), batches(n), download, tokens(n, 200, 900, 9_000))[n % 4]
        made += frames(connection(kind)._replace(quic=n == 8), n + 1)
    made.sort(key=lambda frame: frame.time)
    return late(made, 30.0)


def said(tables: dict[str, pl.DataFrame], columns: Sequence[str] = SHAPE) -> list[tuple[Any, ...]]:
    rows = tables["observations"].filter(pl.col("judged_turns").is_not_null())
    return sorted(rows.select("client", "slice", *columns).rows(), key=repr)


def test_batches_files_and_copies_change_no_turn() -> None:
    made = several()
    whole = decode(pcap(made))
    assert len(said(whole)) == 12
    assert {row[2] for row in said(whole)} == {"A+", "B", "none"}
    for batch_bytes in (20_000, 333_333):
        assert rows_of(decode(pcap(made), batch_bytes=batch_bytes)) == rows_of(whole)
    for at in (200, 1111):
        assert rows_of(decode(pcap(made[:at]), pcap(made[at:]))) == rows_of(whole)
    copies = [Frame(frame.data, frame.time + 0.0004) for frame in made]
    twice = decode(pcap(sorted([*made, *copies], key=lambda frame: frame.time)))
    assert said(twice) == said(whole)


@pytest.mark.parametrize("seed", range(3))
def test_order_within_fifty_milliseconds_changes_no_unit(seed: int) -> None:
    """When something came is another matter: half a round trip late is late."""
    made: list[Frame] = []
    for n in range(6):
        events = connection(tokens(n, gap_us=90_000)).events
        apart = [Event(200_000 + at, *rest) for at, *rest in events]  # from the handshake
        made += frames(Connection(apart), n + 1)
    made = late(sorted(made, key=lambda frame: frame.time))
    columns = ["stream_like", "judged_turns", "stream_units", "stream_unit_bytes", "stream_spread"]
    mixed = shuffled(made, seed)
    assert said(decode(pcap(mixed)), columns) == said(decode(pcap(made)), columns)


def with_room_for(turns: int, content: bytes) -> dict[str, pl.DataFrame]:
    """The tables of a capture, decoded with a pool of so many turns."""
    decoder = Decoder((), turns=turns)
    for _ in decode_capture(decoder, Capture(io.BytesIO(content), content), every=1 << 20):
        pass
    decoder.end_connections()
    return decoder.batch(last=True)


def test_without_room_a_turn_is_counted_as_not_judged() -> None:
    made = frames(connection(tokens()), 1) + frames(connection(tokens(1)), 2)
    made += frames(connection(tokens(2)), 3)
    tables = with_room_for(2, pcap(sorted(made, key=lambda frame: frame.time)))
    assert totals(tables["coverage"])["turns_unjudged"] == 1
    assert tables["observations"]["stream_turns"].sum() == 2


def test_a_row_too_old_is_taken_back() -> None:
    first = connection(tokens())._replace(closed=False)
    later = [Event(4 * IDLE + at, *rest) for at, *rest in connection(tokens(1)).events]
    second = Connection(later)
    tables = with_room_for(1, pcap(frames(first, 1) + frames(second, 2)))
    assert totals(tables["coverage"])["turns_unjudged"] == 0
    assert tables["observations"]["stream_turns"].sum() == 2


def test_histograms_stand_for_what_is_not_kept() -> None:
    """Numbers of a long answer from 128 units and bins, against all its units."""
    answer = tokens(count=900)
    kept = measured(shapes.turns([answer])).to_dicts()[0]
    gaps = shapes.whole_gaps(answer) / 1000
    assert kept["units"] == 900 > UNITS
    for name, expected in (
        ("gap_ms", np.median(gaps)),
        ("gap_p95_ms", np.quantile(gaps, 0.95)),
        ("unit_p90", np.quantile(answer.sizes, 0.9)),
        ("variation", gaps.std() / gaps.mean()),
    ):
        assert kept[name] == pytest.approx(expected, rel=0.15), name


def test_nothing_is_judged_of_nothing() -> None:
    found = judged(measured(records(TURN, 0)))
    assert found.height == 0
    one = records(TURN, 1)
    one["end"] = SILENCE
    assert judged(measured(one))["stream_like"].to_list() == [None]


@pytest.mark.skipif(not shapes.PATH.exists(), reason="the streams of real deployments are not at hand")
@pytest.mark.parametrize("name", ["GPT4o 2025-03", "AzureGPTo1Mini 2025-03"])
def test_packets_tell_of_real_streams_what_their_numbers_do(name: str) -> None:
    found = [answer for answer in shapes.deployments()[name] if max(answer.gaps[1:], default=0) < IDLE][:40]
    direct = judged(measured(shapes.turns(found)))["stream_like"].to_list()
    made = [frame for n, answer in enumerate(found, 1) for frame in frames(connection(answer), n)]
    rows = decode(pcap(late(sorted(made, key=lambda frame: frame.time))))["observations"]
    told = rows.group_by("client").agg(pl.col("stream_like").drop_nulls().first())
    by_client = dict(told.iter_rows())
    assert [by_client[address(n)] for n in range(1, len(found) + 1)] == direct
