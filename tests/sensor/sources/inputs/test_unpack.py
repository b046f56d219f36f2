"""Compressed streams: every kind, several members, truncated, damaged, and absurdly expanding ones."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.chunks import fault_of
from sensor.sources.inputs import unpack
from sensor.sources.inputs.unpack import packing, unpacked

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
TEXT = b"".join(b"line %d of a log that repeats itself\n" % number for number in range(9_000))


def opened(packed: bytes) -> io.BufferedReader:
    kind = packing(packed)
    assert kind is not None
    return unpacked(io.BytesIO(packed), kind, io.DEFAULT_BUFFER_SIZE)


@pytest.mark.parametrize("kind", PACK)
def test_round_trip(kind: str) -> None:
    packed = PACK[kind](TEXT)
    assert packing(packed) == kind
    with opened(packed) as stream:
        assert stream.read() == TEXT
        assert fault_of(stream) is None


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("padding", [b"", b"\0" * 700])
def test_members_one_after_another(kind: str, padding: bytes) -> None:
    with opened(PACK[kind](TEXT) + padding + PACK[kind](b"") + PACK[kind](b"more\n") + padding) as stream:
        assert stream.read() == TEXT + b"more\n"
        assert fault_of(stream) is None


@pytest.mark.parametrize("kind", PACK)
def test_truncated_stream_keeps_what_was_read(kind: str) -> None:
    noise = bytes(range(256)) * 20 + TEXT
    packed = PACK[kind](noise)
    with opened(packed[: len(packed) - 9]) as stream:
        got = stream.read()
        assert noise.startswith(got)
        assert fault_of(stream) == f"truncated {kind} stream"


@pytest.mark.parametrize("kind", PACK)
def test_damaged_stream_keeps_what_was_read(kind: str) -> None:
    first = PACK[kind](TEXT)
    second = bytearray(PACK[kind](TEXT))
    second[len(second) // 2 : len(second) // 2 + 40] = b"\xa5" * 40
    with opened(first + bytes(second)) as stream:
        assert stream.read().startswith(TEXT)
        assert fault_of(stream) in (f"damaged {kind} stream", f"truncated {kind} stream")


def test_rubbish_after_the_stream() -> None:
    with opened(gzip.compress(b"log\n") + b"not a member") as stream:
        assert stream.read() == b"log\n"
        assert fault_of(stream) == "rubbish after the compressed stream"


@pytest.mark.parametrize(("kind", "megabytes"), [("bzip2", 16), ("xz", 16), ("zstd", 160)])
def test_bomb_is_cut(kind: str, megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "FREE_BYTES", 4 * 1024**2)
    with opened(PACK[kind](bytes(megabytes * 1024**2))) as stream:
        count = 0
        while piece := stream.read(1024**2):
            count += len(piece)
        assert 4 * 1024**2 < count < megabytes * 1024**2
        assert "expands more than" in str(fault_of(stream))


def test_small_streams_may_expand_far() -> None:
    with opened(bz2.compress(bytes(2 * 1024**2))) as stream:
        assert len(stream.read()) == 2 * 1024**2
        assert fault_of(stream) is None


def test_window_larger_than_allowed_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(TEXT) + packer.flush()
    with opened(packed) as stream:
        assert stream.read() == b""
        assert fault_of(stream) == "damaged zstd stream"


@given(st.sampled_from(sorted(PACK)), st.binary(max_size=400), st.integers(0, 400), st.integers(1, 255))
@settings(max_examples=80, deadline=None)
def test_flipped_bytes_never_raise(kind: str, data: bytes, place: int, flip: int) -> None:
    packed = bytearray(PACK[kind](data))
    packed[place % len(packed)] ^= flip
    if packing(bytes(packed)) == kind:
        with opened(bytes(packed)) as stream:
            stream.read()
