"""Growing files: rotation, truncation, half-written lines, and what is no file."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from sensor.sources.inputs.tail import LINGER_S, Tail, Tails
from sensor.sources.logs.lines.blocks import BLOCK_BYTES, MAX_LINE_BYTES


def said(tail: Tail) -> list[str]:
    return [line for block in tail.blocks() for line in block.lines()["line"]]


def test_only_complete_lines_come_and_come_once(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntwo\nhal")
    (tail,) = Tails([str(path)]).look(0)
    assert said(tail) == ["one", "two"]
    with path.open("a") as out:
        out.write("f\n")
    assert said(tail) == ["half"]
    assert said(tail) == []
    assert tail.position == path.stat().st_size


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n")
    tails = Tails([str(tmp_path / "a.log*")])
    (old,) = tails.look(0)
    said(old)
    path.rename(tmp_path / "a.log.1")
    (tmp_path / "a.log.1").open("a").write("last\n")
    path.write_text("first\n")
    (new,) = tails.look(1)
    assert (said(old), said(new)) == (["last"], ["first"])
    assert old.identity != new.identity


def test_a_file_is_known_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n")
    (first,) = Tails([str(path)]).look(0)
    path.open("a").write("two\n" * 1000)
    (again,) = Tails([str(path)]).look(0)
    assert first.identity == again.identity
    again.generation += 1
    assert first.identity != again.identity


def test_a_truncated_file_is_continued_where_it_was_even_if_it_has_outgrown_what_it_was(
    tmp_path: Path,
) -> None:
    """Its first line, a header, is always the same."""
    path, stored = tmp_path / "a.log", dict[str, int]()

    def resumed() -> Tail:
        (tail,) = Tails([str(path)]).look(0)
        tail.resume(lambda generation: stored.get(generation.identity, 0))
        return tail

    def read(text: str) -> list[str]:
        with path.open("a") as out:
            out.write(text)
        tail = resumed()
        lines = said(tail)
        stored[tail.identity] = tail.position
        return lines

    assert read("#header\n" + "old\n" * 100) == ["#header", *["old"] * 100]
    os.truncate(path, 0)
    assert read("#header\nnew\n") == ["#header", "new"]
    assert read("newer\n" * 100) == ["newer"] * 100
    assert read("newest\n") == ["newest"]
    os.truncate(path, 0)
    assert read("#header\nthird\n") == ["#header", "third"]


def test_what_is_not_there_yet_is_told_once_and_waited_for(tmp_path: Path) -> None:
    """A misspelt name was followed for ever in silence."""
    path = tmp_path / "a.log"
    tails = Tails([f"{path}*"])
    assert tails.look(0) == []
    assert tails.problems() == [f"{path}*: no file there yet, or none that this user may see; waiting for it"]
    path.write_text("one\n")
    (tail,) = tails.look(1)
    assert said(tail) == ["one"]
    path.unlink()  # between two files of a rotation
    assert tails.look(2) == tails.problems() == []


def test_truncation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntwo\n")
    (tail,) = Tails([str(path)]).look(0)
    said(tail)
    assert not tail.truncated()
    os.truncate(path, 0)
    assert tail.truncated()
    assert said(tail) == []


def test_lines_behind_one_too_long_do_not_wait_for_a_whole_block(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n")
    (tail,) = Tails([str(path)]).look(0)
    said(tail)
    path.open("a").write("x" * (BLOCK_BYTES - 2_000_000) + "\n" + "y" * 4_000_000)
    assert [len(block.text) for block in tail.blocks(BLOCK_BYTES)] == [BLOCK_BYTES - 1_999_999]
    tail.hold(1)
    assert tail.waiting_since == 1


def test_what_waits_to_be_read_survives_a_truncation(tmp_path: Path) -> None:
    """`copytruncate` of logrotate, just after lines were written."""
    path = tmp_path / "a.log"
    path.write_text("one\n")
    (tail,) = Tails([str(path)]).look(0)
    tail.hold(1)
    assert (said(tail), tail.waiting_since) == (["one"], None)
    path.open("a").write("two\nthr")
    tail.hold(2)
    path.open("a").write("ee\nfour")
    tail.hold(3)
    assert tail.waiting_since == 2
    os.truncate(path, 0)
    assert tail.truncated()
    assert said(tail) == ["two", "three"]
    assert tail.truncated()


def test_a_line_too_long_to_keep_is_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n" + b"x" * (18 * MAX_LINE_BYTES) + b"\ntwo\n")
    (tail,) = Tails([str(path)]).look(0)
    blocks = list(tail.blocks())
    assert [line for block in blocks for line in block.lines()["line"]] == ["one", "two"]
    assert sum(block.overlong is not None for block in blocks) == 1
    assert [a.end for a in blocks[:-1]] == [b.start for b in blocks[1:]]


def test_what_cannot_be_followed_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b\x08" + b"\0" * 20)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "logs").mkdir()
    tails = Tails([str(tmp_path / "*")])
    assert tails.look(0) == []
    assert sorted(tails.problems()) == [
        f"{tmp_path}/a.gz: compressed; if not followed before, `shadowai scan` reads it",
        f"{tmp_path}/logs: a folder; name its files, like 'FOLDER/*.log'",
        f"{tmp_path}/pipe: not a regular file",
    ]
    tails.look(1)
    assert tails.problems() == []


def test_of_rotated_logs_that_were_compressed_only_those_not_read_are_said(tmp_path: Path) -> None:
    log, turned = tmp_path / "a.log", tmp_path / "a.log.1"
    log.write_text("one\n")
    for number in (2, 3):
        (tmp_path / f"a.log.{number}.gz").write_bytes(gzip.compress(b"of last week\n"))
    tails = Tails([str(tmp_path / "a.log*")])
    tails.look(0)
    old = f"{tmp_path}/a.log.2.gz and 1 more: compressed; if not followed before, `shadowai scan` reads it"
    assert tails.problems() == [old]
    log.rename(turned)
    log.write_text("two\n")
    tails.look(1)
    (tmp_path / "a.log.4.gz").write_bytes(gzip.compress(turned.read_bytes()))
    (tmp_path / "a.log.5.gz").write_bytes(gzip.compress(b"of another machine\n"))
    tails.look(2)
    assert tails.problems() == [old.replace("2.gz and 1 more", "5.gz")]


def test_a_link_met_by_a_pattern_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("no\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").symlink_to(tmp_path / "secret")
    assert Tails([str(tmp_path / "logs" / "*.log")]).look(0) == []
    assert len(Tails([str(tmp_path / "logs" / "a.log")]).look(0)) == 1, "unless it was named itself"


def test_a_deleted_file_is_let_go_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n")
    tails = Tails([str(path)])
    (tail,) = tails.look(0)
    path.unlink()
    assert tails.lost(LINGER_S - 1) == []
    assert tails.lost(LINGER_S + 1) == [tail]
    tails.forget(tail)
    assert tails.lost(LINGER_S + 1) == []
