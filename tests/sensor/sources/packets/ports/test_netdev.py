"""What the system says of interfaces; files that are missing or strange say nothing."""

from pathlib import Path

import pytest

from sensor.sources.packets.ports import netdev


@pytest.fixture
def interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of eth1 in a /sys/class/net of our own."""
    monkeypatch.setattr(netdev, "CLASS_NET", tmp_path)
    folder = tmp_path / "eth1"
    (folder / "statistics").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("state", "carrier", "link"),
    [("up", "1", "up"), ("unknown", "1", "up"), ("down", "0", "down"), ("up", "0", "down"),
     ("lowerlayerdown", "1", "down")],
)  # fmt: skip
def test_link_state_from_operstate_and_carrier(interface: Path, state: str, carrier: str, link: str) -> None:
    (interface / "operstate").write_text(state + "\n")
    (interface / "carrier").write_text(carrier + "\n")
    assert netdev.link_state("eth1") == link


def test_a_removed_interface_is_gone_and_counts_nothing(interface: Path) -> None:
    assert netdev.link_state("eth9") == "gone"
    assert netdev.index("no such interface") == 0


def test_missed_frames_are_summed_over_the_counters_of_drivers(interface: Path) -> None:
    assert netdev.missed("eth1") == 0
    for name, value in (("rx_missed_errors", "5"), ("rx_fifo_errors", "2"), ("rx_dropped", "1000")):
        (interface / "statistics" / name).write_text(value + "\n")
    assert netdev.missed("eth1") == 7
    (interface / "statistics" / "rx_over_errors").write_text("many")
    assert netdev.missed("eth1") == 7


def test_softnet_drops_are_summed_over_processors(tmp_path: Path) -> None:
    file = tmp_path / "softnet_stat"
    assert netdev.softnet_drops(file) == 0
    file.write_text("0000a1b2 0000000f 00000000 0\n00000001 00000010 00000000 0\n")
    assert netdev.softnet_drops(file) == 31
    file.write_text("strange\n")
    assert netdev.softnet_drops(file) == 0
