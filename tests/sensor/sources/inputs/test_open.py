"""Finding files: folders, globs, archives, standard input, and one clear line for all the rest."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import sys
from pathlib import Path

import pytest
import zstandard

from sensor.errors import InputError
from sensor.sources.inputs.open import find, identity
from sensor.sources.interface import HEAD_BYTES

TEXT = b"some log line\n" * 20_000


def pipe_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))  # type: ignore[arg-type]


def test_folder_is_walked_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b/two.log", "a/one.log", "a/.hidden", ".git/config", "zero.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(TEXT)
    found = find([tmp_path])
    names = [str(Path(file.name).relative_to(tmp_path)) for file in found.files]
    assert names == ["zero.log", "a/one.log", "b/two.log"]
    assert found.walked == {file.name for file in found.files}
    assert found.problems == []


def test_the_lake_and_the_state_folder_are_no_input(tmp_path: Path) -> None:
    for name in ("logs/one.log", "logs/lake/manifest.json", "state/lock", "lake/two.log"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TEXT)
    (tmp_path / "link").symlink_to(tmp_path / "logs" / "lake")
    found = find([tmp_path], ours=(tmp_path / "link", tmp_path / "state"))
    assert [Path(file.name) for file in found.files] == [tmp_path / "lake/two.log", tmp_path / "logs/one.log"]
    assert found.ours == [str(tmp_path / "logs/lake"), str(tmp_path / "state")]


def test_named_files_globs_and_repeats(tmp_path: Path) -> None:
    for name in ("x1.log", "x2.log", "y.log", "odd[1].log"):
        (tmp_path / name).write_bytes(TEXT)
    found = find([tmp_path / "x2.log", str(tmp_path / "x*.log"), tmp_path / "odd[1].log"])
    assert [Path(file.name).name for file in found.files] == ["x2.log", "x1.log", "odd[1].log"]
    assert found.walked == set()


def test_link_to_a_file_already_given_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "real.log").write_bytes(TEXT)
    (tmp_path / "link.log").symlink_to(tmp_path / "real.log")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(find([tmp_path]).files) == 1


def test_copies_share_their_identity_whatever_packed_them(tmp_path: Path) -> None:
    packers = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress}
    packers |= {"xz": lzma.compress, "zst": zstandard.compress}
    for name, pack in packers.items():
        (tmp_path / f"log.{name}").write_bytes(pack(TEXT))
    found = find([tmp_path])
    assert {file.identity for file in found.files} == {identity(TEXT)}
    assert all(len(file.identity) == 16 for file in found.files)
    for file in found.files:
        assert file.head == TEXT[:HEAD_BYTES]
        with file.open() as once, file.open() as again:
            assert once.read() == again.read() == TEXT
        plain = file.name.endswith(".plain")
        assert file.path == (file.name if plain else None)
        assert file.size == Path(file.name).stat().st_size


def test_each_problem_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "good.log").write_bytes(TEXT)
    (tmp_path / "empty.log").touch()
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(TEXT)[:12])
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        found = find([*tmp_path.iterdir(), tmp_path / "missing", "/dev/null", str(tmp_path / "no*match")])
        walked = find([tmp_path])
    assert [Path(file.name).name for file in found.files] == ["good.log"]
    told = {line.split(": ", 1)[0].rsplit("/", 1)[-1]: line.split(": ", 1)[1] for line in found.problems}
    assert told == {
        "empty.log": "empty file",
        "empty.gz": "empty file",
        "cut.gz": "truncated gzip stream",
        "dangling": "no such file or folder",
        "pipe": "a named pipe; pipe it in with `-` instead",
        "sock": "a socket, not a file",
        "missing": "no such file or folder",
        "null": "a device, not a file",
        "no*match": "no file matches",
    }
    # in a folder, what holds nothing is no mistake: a log just rotated, a lock, a socket
    assert [line.rsplit("/", 1)[-1] for line in walked.problems] == [
        "cut.gz: truncated gzip stream",
        "dangling: no such file or folder",
    ]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: no such file or folder"):
        find([tmp_path / "missing"])
    with pytest.raises(InputError, match=f"^{tmp_path}: no readable file there$"):
        find([tmp_path])


def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        find([tmp_path / "evil\x1b[2J\u202ename"])
    assert "\x1b" not in str(raised.value)
    assert "evil\\x1b[2J" in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "good.log").write_bytes(TEXT)
    (tmp_path / "secret.log").write_bytes(TEXT)
    (tmp_path / "secret.log").chmod(0)
    (tmp_path / "locked").mkdir(mode=0)
    problems = find([tmp_path]).problems
    assert len(problems) == 2
    assert all("permission denied" in line for line in problems)


def test_forbidden_as_the_system_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.log").write_bytes(TEXT)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="permission denied"):
        find([tmp_path / "secret.log"])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_standard_input_is_replayed_from_its_start_once(
    pack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe_in(monkeypatch, pack(TEXT))  # type: ignore[operator]
    (file,) = find(["-"]).files
    assert (file.name, file.size, file.path) == ("-", None, None)
    assert file.identity == identity(TEXT)
    with file.open() as stream:
        assert stream.read() == TEXT
    with pytest.raises(InputError, match="only once"):
        file.open()


def test_empty_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe_in(monkeypatch, b"")
    with pytest.raises(InputError, match="nothing on standard input"):
        find(["-"])
