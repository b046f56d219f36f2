"""Rows of Parquet files are read as the same records in JSON are."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from sensor.chunks import fault_of
from sensor.sources.inputs import unpack
from sensor.sources.inputs.open import find
from sensor.sources.inputs.unpack import PARQUET, packing, unpacked
from tests.sensor.sources.logs.formats.reading import rows

OCSF = {
    "class_uid": 4001, "class_name": "Network Activity", "category_uid": 4, "time": 1791280800000,
    "src_endpoint": {"ip": "10.1.2.3", "port": 50000},
    "dst_endpoint": {"ip": "192.0.2.7", "port": 443, "hostname": "claude.ai"},
    "traffic": {"bytes_out": 5000, "bytes_in": 900}, "metadata": {"version": "1.1.0"},
}  # fmt: skip
FLOW = {
    "version": 2, "account_id": "1", "interface_id": "eni-1", "srcaddr": "10.1.2.3", "dstaddr": "192.0.2.7",
    "srcport": 50000, "dstport": 443, "protocol": 6, "packets": 10, "bytes": 5000, "start": 1791280800,
    "end": 1791280860, "action": "ACCEPT", "log_status": "OK",
}  # fmt: skip


def parquet(records: list[dict[str, object]]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(records).write_parquet(file)
    return file.getvalue()


def lines(packed: bytes) -> list[str]:
    with unpacked(io.BytesIO(packed), PARQUET, 1 << 16) as stream:
        return stream.read().decode().splitlines()


@pytest.mark.parametrize("record", [OCSF, FLOW], ids=["ocsf", "vpcflow"])
def test_a_row_is_read_as_its_record(record: dict[str, object]) -> None:
    wanted = rows(json.dumps(record) + "\n").drop("offset")
    assert wanted["reason"].to_list() == [None]
    (line,) = lines(parquet([record]))
    assert rows(line + "\n").drop("offset").equals(wanted)


def test_values_that_json_has_not() -> None:
    stamp = pl.Series(["2026-10-06T10:00:00"]).str.to_datetime().dt.replace_time_zone("UTC")
    frame = pl.DataFrame(
        {"at": stamp, "raw": [b"\xffa"], "list": [["a", None]], "t": ["a\nb"], "none": [None]}
    )
    file = io.BytesIO()
    frame.write_parquet(file)
    (line,) = lines(file.getvalue())
    assert json.loads(line) == {
        "at": "2026-10-06 10:00:00+00", "raw": "\\xFFa", "list": ["a", None], "t": "a\nb", "none": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a.parquet", "logs[1]*.parquet", "a'b.parquet"])
def test_files_of_any_name_and_in_archives(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(parquet([FLOW] * 3))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(path, name)
    found = find([str(path), str(tmp_path / "all.zip")])
    assert found.problems == []
    for file in found.files:
        with file.open() as stream:
            assert len(stream.read().splitlines()) == 3
        assert packing(file.head) is None


def test_a_damaged_file_says_so() -> None:
    whole = parquet([FLOW] * 1000)
    for broken in (whole[:-20], whole[:-8] + bytes(4) + b"PAR1", b"PAR1", b"PAR1" * 3):
        stream = unpacked(io.BytesIO(broken), PARQUET, 1 << 16)
        stream.read()
        assert fault_of(stream) == "damaged Parquet file"


def test_a_bomb_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "FREE_BYTES", 1_000_000)
    file = io.BytesIO()
    pl.DataFrame({"text": ["a" * 1000]}).select(pl.col("text").repeat_by(100_000).explode()).write_parquet(
        file
    )
    stream = unpacked(io.BytesIO(file.getvalue()), PARQUET, 1 << 16)
    assert len(stream.read()) < 100_000 * 1000
    assert "expands more than" in str(fault_of(stream))


def test_inside_gzip_it_is_named() -> None:
    packed = gzip.compress(parquet([FLOW]))
    with unpacked(io.BytesIO(packed), "gzip", 1 << 16) as stream:
        assert packing(stream.read()) == PARQUET
