"""Tar archives are read like the folders they were made of, and never do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.inputs import tar
from sensor.sources.inputs.open import find
from sensor.sources.inputs.tar import Archive
from tests.product import compiled_once, query, run_here

LONG = "/".join(["a-folder-with-a-long-name"] * 9) + "/access.log"
FILES = {
    "./access.log": b"one\n" * 40_000,
    "old/access.log.1.gz": gzip.compress(b"zero\n"),
    LONG: b"two\n",
    "empty.log": b"",
    "._access.log": b"of a Mac\n",
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes, "tgz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress,
    "tar.zst": zstandard.compress,
}  # fmt: skip


def archive(files: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as out:
        folder = tarfile.TarInfo("old")
        folder.type = tarfile.DIRTYPE
        out.addfile(folder)
        for name, text in files.items():
            one = tarfile.TarInfo(name)
            one.size, one.mtime = len(text), 1_794_200_000
            out.addfile(one, io.BytesIO(text))
        link = tarfile.TarInfo("a-link.log")
        link.type, link.linkname = tarfile.SYMTYPE, "access.log"
        out.addfile(link)
    return made.getvalue()


def texts(path: Path) -> dict[str, bytes]:
    found = find([path])
    assert found.problems == []
    return {file.name.removeprefix(f"{path}/"): file.open().read() for file in found.files}


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_its_files_are_found_whole(tmp_path: Path, suffix: str, form: int) -> None:
    path = tmp_path / f"logs.{suffix}"
    path.write_bytes(PACKED[suffix](archive(FILES, form)))
    assert texts(path) == {
        "access.log": FILES["./access.log"], "old/access.log.1.gz": b"zero\n", LONG: b"two\n",
    }  # fmt: skip
    (first, *_) = find([path]).files
    assert first.modified is not None and first.modified.timestamp() == 1_794_200_000
    assert first.size == len(FILES["./access.log"])


def test_an_archive_of_logs_says_what_their_folder_says(tmp_path: Path) -> None:
    """Zeek's conn.log and ssl.log only make sense together; in one text they were neither."""
    folder = Path(__file__).parents[4] / "pcaps" / "zeek-hour"
    (tmp_path / "logs.tar.gz").write_bytes(
        gzip.compress(archive({file.name: file.read_bytes() for file in folder.glob("*.log")}))
    )
    compiled_once(tmp_path / "state")
    figures = "SELECT app, SUM(bytes_up), SUM(connections) FROM usage_hourly GROUP BY app ORDER BY app"
    found = []
    for name, place in (("packed", tmp_path / "logs.tar.gz"), ("folder", folder)):
        lake = tmp_path / name / "lake"
        done = run_here(tmp_path, "scan", place, "--lake", lake, "--state", tmp_path / "state", "-q")
        assert done.returncode == 0, done.stderr
        found.append(query(tmp_path / name, figures))
    assert found[0] == found[1] and len(found[0]) > 3


def test_an_archive_through_a_pipe_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(archive(FILES)))))
    found = find(["-"])
    assert [(file.name, file.open().read()) for file in found.files[:2]] == [
        ("-/access.log", FILES["./access.log"]), ("-/old/access.log.1.gz", b"zero\n"),
    ]  # fmt: skip
    assert found.files[0].open().read() == FILES["./access.log"], "a second time, too"


@pytest.mark.parametrize("left", [2000, 5000, 100_000])
def test_of_a_cut_one_the_beginning_is_read(tmp_path: Path, left: int) -> None:
    (tmp_path / "cut.tar").write_bytes(archive(FILES)[:left])
    found = find([tmp_path / "cut.tar"])
    read = found.files[0].open().read()
    assert FILES["./access.log"].startswith(read) and len(read) > left - 2000
    (tmp_path / "cut.tgz").write_bytes(gzip.compress(archive(FILES))[:-300])
    assert any("truncated gzip stream" in problem for problem in find([tmp_path / "cut.tgz"]).problems)


def test_what_cannot_be_read_in_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "MAX_MEMBERS", 4)
    (tmp_path / "many.tar").write_bytes(archive({f"{n}.log": b"line\n" for n in range(9)}))
    found = find([tmp_path / "many.tar"])
    assert [file.name.rpartition("/")[2] for file in found.files] == ["0.log", "1.log", "2.log"]
    assert found.problems == [f"{tmp_path}/many.tar/3.log: not read, with all after it; unpack it first"]


def test_a_header_that_announces_gigabytes_is_refused(tmp_path: Path) -> None:
    attributes = tarfile.TarInfo("././@PaxHeader")
    attributes.type, attributes.size = tarfile.XHDTYPE, 7 << 30
    bomb = attributes.tobuf(tarfile.USTAR_FORMAT) + bytes(4096)
    (tmp_path / "bomb.tar").write_bytes(archive({"a.log": b"one\n"})[:1536] + bomb)
    found = find([tmp_path / "bomb.tar"])
    assert [file.open().read() for file in found.files] == [b"one\n"]
    assert found.problems == [f"{tmp_path}/bomb.tar: damaged tar archive (a header is too long)"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3071), st.integers(0, 255)), max_size=12),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.booleans(),
)
def test_a_damaged_one_raises_nothing_but_oserror(
    changes: list[tuple[int, int]], form: int, with_checksum: bool
) -> None:
    data = bytearray(archive({"é" * 60 + ".log": b"one\n", "b.log": b"two\n"}, form)[:4096])
    for at, value in changes:
        data[at] = value
    if with_checksum:
        for at in range(0, 3072, 512):
            header = data[at : at + 512]
            header[148:156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(header)
    opened = Archive(io.BytesIO(bytes(data)), None)
    read = []
    try:
        for member in opened.members():
            with opened.open(member) as stream:
                read.append(stream.read(1 << 20))
    except OSError as error:
        assert "damaged tar archive" in str(error)
    assert sum(map(len, read)) <= len(data) * len(read)
