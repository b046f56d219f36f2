"""Windows event log files: what stands between the package that reads them and the formats."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sensor.settings import Settings
from sensor.sources import detect, evtx
from sensor.sources.inputs.open import find
from sensor.sources.interface import Input
from sensor.sources.trial import look
from tests.beside import LOG_SAMPLES

RECORDED = LOG_SAMPLES / "windows-security" / "DE_RDP_Tunneling_4624.evtx"


def _event(number: Any, **data: str) -> str:
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}},
        "EventID": number,
        "TimeCreated": {"#attributes": {"SystemTime": "2026-10-06T10:00:00.123456Z"}},
        "Channel": "Security",
    }
    return json.dumps({"Event": {"System": system, "EventData": data}}, indent=2)


class _Parser:
    """What `evtx.PyEvtxParser` gives, with an event that is broken."""

    def __init__(self, path: str) -> None:
        assert Path(path).read_bytes().startswith(evtx.MAGIC)

    def records_json(self) -> Iterator[dict[str, str]]:
        return _Records()


class _Records:
    def __init__(self) -> None:
        asked = {"TargetUserName": "jane", "TargetDomainName": "ACME", "IpAddress": "::ffff:10.1.0.7"}
        self._left: list[str | None] = [
            _event(4768, **asked, Status="0x0"),
            None,
            _event(
                {"#attributes": {"Qualifiers": 0}, "#text": 4624},
                **asked,
                LogonType="3",
                WorkstationName="LAPTOP",
            ),
            _event(4634, TargetUserName="jane"),
        ]

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> dict[str, str]:
        if not self._left:
            raise StopIteration
        data = self._left.pop(0)
        if data is None:
            raise RuntimeError("invalid record")
        return {"data": data}


def _input(path: Path) -> Input:
    (file,) = find([path]).files
    return detect.Input((file,), file.identity)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that the package `evtx`, here ours, reads."""
    package = ModuleType("evtx")
    package.__dict__["PyEvtxParser"] = _Parser
    monkeypatch.setitem(sys.modules, "evtx", package)
    path = tmp_path / "security.evtx"
    path.write_bytes(evtx.MAGIC + bytes(8192))
    return path


def test_events_become_leases_and_broken_ones_are_counted(log: Path) -> None:
    kind, _ = detect.recognise(log.read_bytes())
    assert kind is evtx.EvtxSource
    (batch,) = kind().read(_input(log))
    leases = batch.frames["leases"]
    assert leases.select("address", "user_name", "device", "origin").rows() == [
        ("10.1.0.7", "ACME\\jane", None, "directory"),
        ("10.1.0.7", "ACME\\jane", "LAPTOP", "directory"),
    ]
    rejects = batch.frames["rejects"]
    assert rejects.filter(~rejects["reason"].str.starts_with("set aside"))["count"].to_list() == [1]
    assert batch.source == "windows-security"


def test_a_trial_shows_its_first_events(log: Path) -> None:
    (one,) = (trial for trial in look(find([log]).files[0], Settings()) if trial.used)
    assert (one.name, one.rows["user_name"][0]) == ("windows-security", "ACME\\jane")


def test_without_the_package_the_error_says_how_to_get_it(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evtx", None)  # what Python takes for a package that is not there
    with pytest.raises(OSError, match=r"pip install 'shadow-ai-sensor\[evtx\]'"):
        list(evtx.EvtxSource().read(_input(log)))


@pytest.mark.skipif(
    importlib.util.find_spec("evtx") is None or not RECORDED.exists(), reason="needs evtx and the samples"
)
def test_a_recorded_log_is_read_to_its_end() -> None:
    batches = list(evtx.EvtxSource().read(_input(RECORDED)))
    assert sum(batch.frames["coverage"]["records"].sum() for batch in batches) == 18
