"""LANCOM: drops with ports are observations, the rest of the firewall's messages is set aside."""

from __future__ import annotations

from sensor.sources.logs.formats.lancom import LancomFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read


def test_drops() -> None:
    head = "<12>Oct  6 10:00:00 router "
    found = read(
        LancomFormat,
        f"{head}PACKET_ALERT: Dst: 192.0.2.7:443 {{}}, Src: 10.1.2.3:50000 {{laptop}} (TCP): port filter\n"
        f"{head}PACKET_INFO: matched filter: NO AI\n",
    )
    assert found.select("client", "device", "server", "action", "reason").rows()[0] == (
        "10.1.2.3", "laptop", "192.0.2.7", "blocked", None,
    )  # fmt: skip
    assert found["reason"][1] == NO_CONNECTION
