"""Captures of one input: legs of a TAP by time, rotated files one after the other, damaged ones somehow."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.capture import merge
from sensor.decode.capture.formats import first_time
from sensor.decode.capture.merge import Merged
from sensor.decode.capture.reader import Capture
from sensor.sources.interface import Input
from sensor.sources.packets.pcap import PcapSource
from tests.sensor.decode.craft import (
    T0,
    Frame,
    Talk,
    conserves,
    decode,
    file_of,
    pcap,
    rows_of,
)
from tests.sensor.decode.craft.traffic import mixed_traffic


def merged(contents: list[bytes], ended: list[Capture] | None = None) -> Merged:
    def opener(content: bytes) -> Callable[[], Capture]:
        return partial(Capture, io.BytesIO(content), content)

    ordered = sorted((first_time(content) or 0, content) for content in contents)
    on_end = (lambda capture: None) if ended is None else ended.append
    return Merged([(at, opener(content)) for at, content in ordered], on_end)


def read(whole: Merged, step: int = 1000) -> list[tuple[int, bytes]]:
    """(time, bytes) of all frames, taken `step` at a time; positions must rise."""
    found, position = [], -1
    while whole.advance():
        assert whole.position > position and 0 < whole.ready <= whole.count
        position = whole.position
        done = min(step, whole.ready)
        for row in whole.frames[:done]:
            at = int(row["offset"])
            found.append((int(row["time"]), whole.data[at : at + int(row["captured"])].tobytes()))
        whole.drop(done)
    return found


def test_the_legs_of_a_tap_give_what_one_capture_gives() -> None:
    frames = sorted(mixed_traffic(40), key=lambda frame: frame.time)
    whole = rows_of(decode(pcap(frames)))
    rng = random.Random(1)
    for count in (2, 3):
        parts: list[list[Frame]] = [[] for _ in range(count)]
        for frame in frames:
            parts[rng.randrange(count)].append(frame)
        assert rows_of(decode(*map(pcap, parts))) == whole


def test_a_connection_over_two_legs_counts_once() -> None:
    talk = Talk().shake()
    for _ in range(50):
        talk.send(b"x" * 100).reply(b"y" * 200)
    up = [f for n, f in enumerate(talk.frames) if f.data[26:30] == bytes([10, 1, 0, 5])]
    down = [f for f in talk.frames if f not in up]
    assert up and down
    files = [file_of(pcap(part), f"d/eth{n}.pcap") for n, part in enumerate((up, down))]
    (group,) = PcapSource.group(files)
    (batch,) = PcapSource().read(Input(group, "tap"))
    (row,) = batch.frames["observations"].to_dicts()
    assert (row["bytes_up"], row["bytes_down"]) == (5000, 10_000)
    assert batch.frames["coverage"]["one_sided_flows"].sum() == 0
    conserves(batch.frames["coverage"], len(talk.frames))


def test_a_capture_opened_behind_frames_not_yet_taken_moves_them() -> None:
    parts = [pcap([Frame(b"tiny", T0 + at)]) for at in (0, 0, 1)]
    assert len(read(merged(parts), step=1)) == 3  # positions rise: `read` asserts it


@given(
    st.lists(st.lists(st.integers(0, 400), max_size=300), min_size=1, max_size=4),
    st.integers(1, 400),
)
@settings(deadline=None, max_examples=60)
def test_every_frame_comes_once_by_time(parts: list[list[int]], step: int) -> None:
    contents, expected, number = [], [], 0
    for times in parts:
        frames = []
        for at in sorted(times):
            frames.append(Frame(number.to_bytes(4, "big"), T0 + at))
            expected.append((round((T0 + at) * 1e6), frames[-1].data))
            number += 1
        contents.append(pcap(frames))
    ended: list[Capture] = []
    whole = merged(contents, ended)
    found = read(whole, step)
    assert sorted(found) == sorted(expected)
    assert [at for at, _ in found] == sorted(at for at, _ in expected)
    assert len(ended) == len(contents) and whole.size == sum(map(len, contents))
    assert whole.position <= whole.size


def test_rotated_files_are_handed_on_without_copies() -> None:
    parts = [pcap([Frame(b"x" * 60, T0 + 100 * n + k) for k in range(100)]) for n in range(3)]
    whole = merged(parts)
    copied = []
    whole._window.add = copied.append  # type: ignore[method-assign]
    assert len(read(whole)) == 300 and not copied
    assert whole.position == whole.size == sum(map(len, parts))


def test_one_wrong_time_holds_nobody_up() -> None:
    frames = [Frame(bytes([n]), T0 + n) for n in range(200)]
    wrong = [*frames]
    wrong[50] = Frame(bytes([50]), T0 + 1e8)
    other = [Frame(b"o" + bytes([n]), T0 + n + 0.5) for n in range(200)]
    found = [data for _, data in read(merged([pcap(wrong), pcap(other)]))]
    expected = [data for pair in zip(frames, other, strict=True) for data in (pair[0].data, pair[1].data)]
    # It counts as early as the one behind it: one frame of the other capture goes before.
    expected[100:102] = expected[101], expected[100]
    assert found == expected


def test_more_captures_than_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MOST_OPEN", 3)
    parts = [pcap([Frame(bytes([n]), T0 + k) for k in range(20)]) for n in range(8)]
    assert len(read(merged(parts), 7)) == 160


def test_a_damaged_leg_ends_early_and_says_so() -> None:
    frames = [Frame(b"x" * 60, T0 + k) for k in range(100)]
    cut = pcap(frames)[:-500]
    ended: list[Capture] = []
    found = read(merged([cut, pcap(frames)], ended))
    assert len(found) == 100 + 93
    assert sum(capture.reject is not None for capture in ended) == 1
