"""squidGuard and ufdbGuard."""

from __future__ import annotations

from sensor.sources.logs.formats.squidguard import SquidguardFormat
from tests.sensor.sources.logs.formats.reading import read

LINES = (
    "2026-10-06 10:00:00 [7] Request(default/ads/-) http://ads.example.org/x 10.1.2.3/pc7.lan jdoe GET REDIRECT",
    "2026-10-06 10:00:01 [7] BLOCK -          10.1.2.3    allSystems  ads        http://ads.example.org/x GET",
    "2026-10-06 10:00:02 [7] PASS  jdoe       10.1.2.3    allSystems  any        www.example.org:443 CONNECT",
)


def test_verdicts_of_both() -> None:
    found = read(SquidguardFormat, "\n".join(LINES))
    assert found.select("client", "user_name", "host", "action").rows() == [
        ("10.1.2.3", "jdoe", "ads.example.org", "blocked"),
        ("10.1.2.3", None, "ads.example.org", "blocked"),
        ("10.1.2.3", "jdoe", "www.example.org", "allowed"),
    ]
    assert found["device"][0] == "pc7.lan"
