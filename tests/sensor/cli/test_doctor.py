"""`shadowai doctor` on live capture: the right to do it, and each interface's state."""

from __future__ import annotations

import socket

import pytest

from sensor.cli import doctor_capture
from sensor.errors import UsageError
from sensor.sources.packets.ports import afpacket, netdev


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """An interface `span0` that says what the test wants."""
    says: dict[str, object] = {"offloads": "", "link": netdev.UP, "type": netdev.ETHERNET, "missed": 0}
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "span0")])
    monkeypatch.setattr(netdev, "offloads", lambda opened, name: says["offloads"])
    monkeypatch.setattr(netdev, "link_state", lambda name: says["link"])
    monkeypatch.setattr(netdev, "link_type", lambda opened, name: says["type"])
    monkeypatch.setattr(netdev, "missed", lambda name: says["missed"])
    monkeypatch.setattr(afpacket, "check", lambda names: None)
    monkeypatch.setattr("sys.platform", "linux")
    return says


def test_a_port_ready_for_capture(port: dict[str, object]) -> None:
    assert doctor_capture.lines() == [
        ("live capture", "allowed (CAP_NET_RAW)"),
        ("interface span0", "link up, GRO and LRO off"),
    ]


@pytest.mark.parametrize(
    ("what", "value", "says"),
    [
        ("offloads", "GRO", "GRO on, counts will be too low: ethtool -K span0 gro off lro off"),
        ("offloads", None, "unknown (the driver does not say)"),
        ("link", netdev.DOWN, "link down"),
        ("type", netdev.UNKNOWN_LINK, "frames of a kind we do not decode"),
        ("missed", 12_345, "12,345 frames missed"),
    ],
)
def test_problems_of_a_port_are_listed(what: str, value: object, says: str, port: dict[str, object]) -> None:
    port[what] = value
    assert says in dict(doctor_capture.lines())["interface span0"]


def test_without_the_privilege_doctor_names_it(
    port: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(names: list[str]) -> None:
        raise UsageError("needs CAP_NET_RAW", place=names[0], hint="run it as root")

    monkeypatch.setattr(afpacket, "check", refused)
    text = dict(doctor_capture.lines())["live capture"]
    assert "needs CAP_NET_RAW" in text and "run it as root" in text


def test_capture_is_reported_impossible_outside_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert doctor_capture.lines() == [("live capture", "needs Linux; captures and logs are read anywhere")]


def test_doctor_runs_on_this_machine() -> None:
    for what, text in doctor_capture.lines():
        assert what.startswith(("live capture", "interface ")) and text
