"""Recognising inputs: by content only, whole folders at once, and clear words for what is none."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.ingest.installation import DEFAULT_RANKS
from sensor.sources import detect
from sensor.sources.inputs import open as opening
from sensor.sources.inputs.open import find
from sensor.sources.interface import Proof, Source

SQUID = b"1700000010.500 2500 10.1.0.7 TCP_TUNNEL/200 8123 CONNECT chat.example.com:443 - HIER_NONE/- -\n"
SSL = b"#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\n1700000010.5\tC1\t10.1.0.7\n"
CONN = SSL.replace(b"ssl", b"conn")
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 8


def planned(*paths: Path) -> detect.Plan:
    found = find(paths)
    return detect.plan(found.files, walked=found.walked)


def test_every_source_declares_itself() -> None:
    kinds = detect.known()
    assert {"squid", "zeek"} <= {kind.name for kind in kinds}
    assert [kind.name for kind in kinds] == sorted(kind.name for kind in kinds)
    for kind in kinds:
        assert kind.help and (kind.vantage in DEFAULT_RANKS or kind.vantage in ("identity", "mixed"))
        assert set(kind.proof) <= set(get_args(Proof))


def test_names_lie_content_does_not(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(SQUID * 10)
    ((kind, source_input),) = planned(tmp_path / "holiday.jpg").inputs
    assert kind.name == "squid"
    assert source_input.identity == source_input.files[0].identity


def test_zeek_logs_of_a_folder_are_one_input(tmp_path: Path) -> None:
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "conn.log").write_bytes(CONN + folder.encode())
        (tmp_path / folder / "ssl.log").write_bytes(SSL + folder.encode())
    (tmp_path / "access.log").write_bytes(SQUID)
    made = planned(tmp_path)
    assert [(kind.name, len(source_input.files)) for kind, source_input in made.inputs] == [
        ("squid", 1),
        ("zeek", 2),
        ("zeek", 2),
    ]
    identities = [source_input.identity for _, source_input in made.inputs]
    assert len(set(identities)) == 3
    assert all(len(identity) == 16 for identity in identities)
    assert identities == [source_input.identity for _, source_input in planned(tmp_path).inputs]


def test_rotated_sets_are_read_oldest_first(tmp_path: Path) -> None:
    for number, name in enumerate(
        ("access.log", "access.log.1", "access.log.2.gz", "access.log.10.gz", "b.log")
    ):
        text = SQUID.replace(b"10.1.0.7", f"10.1.0.{number}".encode())
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    names = [Path(one.name).name for _, one in planned(tmp_path).inputs]
    assert names == ["access.log.10.gz", "access.log.2.gz", "access.log.1", "access.log", "b.log"]


def test_of_many_files_heads_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "KEPT_HEADS_BYTES", 2 * len(SQUID))
    for number in range(6):
        (tmp_path / f"{number}.log").write_bytes(SQUID.replace(b"10.1.0.7", f"10.1.0.{number}".encode()))
    found = find([tmp_path])
    assert [file.kept_head is not None for file in found.files] == [True, True, False, False, False, False]
    assert [file.head[:14] for file in found.files] == [SQUID[:14]] * 6
    (tmp_path / "4.log").unlink()
    made = detect.plan(found.files, walked=found.walked)
    assert [Path(one.name).name for _, one in made.inputs] == ["0.log", "1.log", "2.log", "3.log", "5.log"]
    assert made.problems == [f"{tmp_path / '4.log'}: no such file or directory"]


def test_side_files_of_a_folder_are_no_problem(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_bytes(SQUID)
    (tmp_path / "case.yml").write_text("story: none\n")
    (tmp_path / "expected.jsonl").write_text('{"host": "chat.example.com"}\n')
    made = planned(tmp_path)
    assert [Path(name).name for name in made.skipped] == ["case.yml", "expected.jsonl"]
    assert (len(made.inputs), made.problems) == (1, [])


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (JPEG, "a JPEG image"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7-Zip archive; unpack it first"),
        (b"LPKSHHRH\x00\x00", "a systemd journal; pipe in what `journalctl -o json --file FILE` writes"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive; unpack it first"),
        (b"\x04\x22\x4d\x18\x64\x40", "compressed with LZ4; unpack it first"),
        (b"Dear diary,\n", "text"),
        (b'{"some": "thing"}\n', "JSON of another kind"),
        (b"<!DOCTYPE html><html>", "HTML or XML"),
        (bytes(range(256)) * 4, "binary data"),
        (SSL.replace(b"ssl", b"ssh"), "a Zeek ssh log, which names no service"),
    ],
)
def test_what_a_named_file_looks_like(content: bytes, looks: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)
    made = planned(path)
    assert made.inputs == []
    assert made.problems == [
        f"{path}: not a known kind of input (looks like {looks}); `shadowai sources` lists them"
    ]


def test_what_is_known_by_its_beginning_is_asked_of_no_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of Zeek has a dozen files an hour, and each takes the formats thirty milliseconds."""
    asked = list[bytes]()
    monkeypatch.setattr(detect, "look_at", lambda heads: asked.extend(heads))
    for name in ("ssl", "conn", "x509", "weird", "stats"):
        (tmp_path / f"{name}.log").write_bytes(SSL.replace(b"ssl", name.encode()))
    (tmp_path / "access.log").write_bytes(SQUID)
    assert [kind.name for kind, _ in planned(tmp_path).inputs] == ["squid", "zeek"]
    assert asked == [SQUID]


def test_a_tie_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sure(head: bytes) -> float:
        return 0.9

    first, second = [kind for kind in detect.known() if not kind.splits_lines][:2]
    for kind in detect.known():
        monkeypatch.setattr(kind, "recognise", sure if kind in (first, second) else lambda head: 0.0)
    (tmp_path / "log").write_bytes(SQUID)
    made = planned(tmp_path / "log")
    assert [kind.name for kind, _ in made.inputs] == [first.name]
    assert made.problems == [f"{tmp_path}/log: could be {second.name} just as well; read as {first.name}"]


@given(st.binary(max_size=600), st.sampled_from([b"", SQUID, SSL, JPEG, b'{"uid":', b"\xff\xfe", b"#fields"]))
@settings(max_examples=10, deadline=None)
def test_any_bytes_are_recognised_without_harm(tail: bytes, start: bytes) -> None:
    best, _ = detect.recognise(start + tail)
    assert best is None or issubclass(best, Source)
    assert detect.looks_like(start + tail)
