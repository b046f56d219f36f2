"""What a scan prints about one input."""

from collections import Counter

from sensor.cli.scan import line
from sensor.journey import Verdict
from sensor.pipeline import Origin


def test_a_mixed_file_names_its_kinds_the_most_lines_first() -> None:
    verdict = Verdict("syslog.log", Origin("s", "hq", "proxy", "squid", "1"), records=9)
    verdict.kinds = Counter(squid=2, dnsmasq=5, fortigate=2)
    assert line(verdict) == "syslog.log: dnsmasq + fortigate + squid, 9 records, 0 sightings"
    verdict.kinds |= Counter(unbound=1, bind=1)
    assert line(verdict).startswith("syslog.log: dnsmasq + fortigate + squid + bind + 1 more, ")
    verdict.kinds = Counter(squid=9)
    assert line(verdict).startswith("syslog.log: squid, 9 records")
