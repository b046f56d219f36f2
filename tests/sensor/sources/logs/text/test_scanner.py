"""Scanners of lines are compiled where that is worth it, and by whom."""

from __future__ import annotations

import signal
import subprocess
import sys

import polars as pl
import pytest

from sensor.decode import warming
from sensor.sources.logs.text import objects, scanner


class Compilers:
    """Stands for child processes: what was begun, and what is compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = ["true"]
        self.begun: list[str] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.done: set[str] = set()
        monkeypatch.setattr(warming, "missing", lambda part: [part] if part not in self.done else [])
        monkeypatch.setattr(warming, "begin", self._begin)
        monkeypatch.delitem(sys.modules, "sensor.decode.text.delimited", raising=False)
        monkeypatch.delitem(sys.modules, "sensor.decode.text.json_fields", raising=False)

    def _begin(self, part: str) -> subprocess.Popen[bytes]:
        self.begun.append(part)
        self.processes.append(subprocess.Popen(self.program))
        return self.processes[-1]


@pytest.fixture
def compilers(monkeypatch: pytest.MonkeyPatch) -> Compilers:
    return Compilers(monkeypatch)


def test_what_has_an_end_is_scanned_only_if_the_scanner_is_compiled(compilers: Compilers) -> None:
    much = bytes(2 << 20)
    assert not scanner.is_worth(much) and compilers.begun == []
    compilers.done.add(scanner.FIELDS)
    assert scanner.is_worth(much) and not scanner.is_worth(much[:1000])


def test_what_has_none_is_read_on_while_the_scanner_is_compiled_once(compilers: Compilers) -> None:
    much = bytes(2 << 20)
    with scanner.compiling_behind():
        assert not scanner.is_worth(much[:1000]) and compilers.begun == [], "not for a few lines"
        assert not scanner.is_worth(much) and not scanner.is_worth(much)
        assert compilers.begun == ["fields"]
        compilers.done.add("fields")
        assert scanner.is_worth(much)


def test_a_compiler_ends_with_what_waits_for_it(compilers: Compilers) -> None:
    compilers.program = ["sleep", "60"]
    with scanner.compiling_behind():
        assert not scanner.is_worth(bytes(2 << 20))
    (process,) = compilers.processes
    assert process.returncode == -signal.SIGTERM
    assert not scanner.is_worth(bytes(2 << 20)) and len(compilers.begun) == 1, "a scan begins none"


def test_objects_are_read_completely_until_their_scanner_is_compiled(compilers: Compilers) -> None:
    lines = pl.Series(['{"a": 1, "b": "some words"}'] * 3_000)
    with scanner.compiling_behind():
        assert objects.read(lines, ["a"])["a"].unique().to_list() == ["1"]
    assert compilers.begun == ["lines"] and "sensor.decode.text.json_fields" not in sys.modules


def test_objects_are_read_beside_lines_that_another_reader_took(compilers: Compilers) -> None:
    """A log of PAN-OS with CSV in it, too: where no object is, the line is NULL."""
    lines = pl.Series([None, '{"a": 1}'] * objects.SCANNED_FROM)
    assert objects.read(lines, ["a"])["a"].to_list() == [None, "1"] * objects.SCANNED_FROM
