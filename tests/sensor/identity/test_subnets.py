"""The subnets file adds to the networks of the settings and never replaces one."""

from ipaddress import ip_network
from pathlib import Path

from sensor.identity.subnets import with_subnets
from sensor.identity.tables import Problems
from sensor.settings import Settings


def test_networks_of_one_segment_replace_no_other(tmp_path: Path) -> None:
    path = tmp_path / "subnets.csv"
    path.write_text("network,segment\n10.2.0.0/16,Lab\n10.3.0.0/16,Lab\n10.4.0.0/16,Lab\n", encoding="utf-8")
    settings = Settings.model_validate(
        {
            "networks": {"segments": {"Lab": "10.1.0.0/16", "Lab 3": "10.9.0.0/16"}},
            "identity": {"subnets": path},
        }
    )
    found = with_subnets(settings, Problems()).networks.segments
    assert found == {
        "Lab": "10.1.0.0/16", "Lab 3": "10.9.0.0/16", "Lab 2": "10.2.0.0/16", "Lab 4": "10.3.0.0/16",
        "Lab 5": "10.4.0.0/16",
    }  # fmt: skip
    assert len({ip_network(net) for net in found.values()}) == 5
