"""Blocks of lines: the same cuts on every read, bounded lines, and text of any encoding."""

from __future__ import annotations

import codecs
import gzip
import io

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sensor.sources.inputs.unpack import unpacked
from sensor.sources.logs.lines import blocks as module
from sensor.sources.logs.lines.blocks import MAX_LINE_BYTES, Block, blocks, first_lines, shape


def split(data: bytes, *, start: int = 0, size: int = 64) -> list[Block]:
    return list(blocks(io.BytesIO(data), start=start, size=size))


def texts(found: list[Block]) -> list[str]:
    return [line for block in found for line in block.lines()["line"]]


@given(st.lists(st.binary(max_size=50).filter(lambda b: b"\n" not in b), max_size=30), st.integers(0, 40))
@example([b"\xef\xbb\xbf"], 0)
@settings(max_examples=120, deadline=None)
def test_blocks_are_whole_lines_and_cut_alike_from_anywhere(raw: list[bytes], pick: int) -> None:
    data = b"\n".join(raw)
    assume(not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)))  # positions are those of UTF-8
    whole = split(data)
    assert [b.start for b in whole] == [0, *[b.end for b in whole]][: len(whole)]
    assert (whole[-1].end if whole else 0) == len(data)
    assert all(data[b.end - 1 : b.end] == b"\n" for b in whole[:-1])
    if whole:
        begin = whole[pick % len(whole)].start
        assert split(data, start=begin) == [b for b in whole if b.start >= begin]


def test_lines_with_place_and_size() -> None:
    frame = split(b"one\r\n\nthree\nlast", size=1000)[0].lines()
    assert frame["line"].to_list() == ["one", "three", "last"]
    assert frame["offset"].to_list() == [0, 6, 12]
    assert frame["bytes"].to_list() == [5, 6, 5]


def test_encodings() -> None:
    text = "name=Jörg\nnext\n"
    for codec in ("utf-8", "utf-8-sig", "utf-16"):
        assert texts(split(text.encode(codec), size=1000)) == ["name=Jörg", "next"]
    assert texts(split(b"\xfe\xff" + text.encode("utf-16-be"), size=5)) == ["name=Jörg", "next"]
    assert texts(split(b"bad \xff byte\nnul\0s\0\nsep\x01\n\0\0\0", size=1000)) == [
        "bad \ufffd byte",
        "nuls",
        "sep",
    ]


def test_utf16_resumes_where_it_was(tmp_path: object) -> None:
    data = "".join(f"Zeile {number} ö\n" for number in range(50)).encode("utf-16")
    whole = split(data)
    assert split(data, start=whole[2].end) == whole[3:]


def test_overlong_line_is_counted_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 200)
    data = b"short 1\n" + b"x1" * 5000 + b"\nshort 2\n"
    found = split(data)
    assert texts(found) == ["short 1", "short 2"]
    assert [b.overlong[:4] for b in found if b.overlong] == [b"x1x1"]
    assert found[-1].end == len(data)


def test_memory_of_a_file_without_line_ends_is_bounded() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.left, self.largest = 40 * MAX_LINE_BYTES, 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            view = memoryview(buffer)  # type: ignore[arg-type]
            count = min(len(view), self.left)
            self.largest = max(self.largest, len(view))
            view[:count] = b"z" * count
            self.left -= count
            return count

    raw = Endless()
    found = list(blocks(io.BufferedReader(raw)))
    assert [(len(b.text), b.overlong) for b in found] == [(0, b"z" * 120)]
    assert found[0].end == 40 * MAX_LINE_BYTES
    assert raw.largest <= module.BLOCK_BYTES


def test_stream_that_ends_early_says_so_on_its_last_block() -> None:
    packed = gzip.compress(b"line one\nline two\n" * 50_000)
    stream = unpacked(io.BytesIO(packed[:-2000]), "gzip", io.DEFAULT_BUFFER_SIZE)
    found = list(blocks(stream, size=100_000))
    assert found[-1].fault == "truncated gzip stream"
    assert all(b.fault is None for b in found[:-1])


def test_half_written_line_resumes_as_a_line_of_its_own() -> None:
    data = b"first line\nsecond line\n"
    assert texts(split(data[:15], size=1000)) == ["first line", "seco"]
    assert texts(split(data, start=15, size=1000)) == ["nd line"]


def test_first_lines_leaves_out_a_cut_one() -> None:
    assert first_lines(b"one\ntwo\nthr").to_list() == ["one", "two"]
    assert first_lines(b"only").to_list() == ["only"]
    assert first_lines(b"").to_list() == []


@given(st.text(max_size=300))
def test_shape_says_nothing(line: str) -> None:
    said = shape(line)
    assert len(said) == min(len(line), 120)
    assert all(c.isascii() and c.isprintable() for c in said)
    assert not any(c.isalpha() and c != "a" for c in said)
    assert not any(c.isdigit() and c != "9" for c in said)


@pytest.mark.parametrize("first", ["x^", "x\x5e 1 2", "(/"])
def test_a_line_that_begins_like_a_compressed_stream_is_a_line(first: str) -> None:
    text = f"{first}\n\nlast\n".encode()
    assert module.one_column(text)["line"].to_list() == [first, None, "last"]
