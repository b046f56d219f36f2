"""PowerDNS Recursor and dnsdist."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.powerdns import PowerdnsFormat
from sensor.sources.logs.text.reasons import ANSWERED, HOSTED_ZONE, NO_LOOKUP
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:00 ns1 "
ASKED = (
    "pdns_recursor[7]: 4 [1/1] question for 'www.example.org|A' from 10.1.2.3:40000",
    'pdns-recursor[7]: msg="Question" subsystem="syncres" level="0" ts="1791280800.5" qname="www.example.org" qtype="A" '
    'remote="10.1.2.3:40000"',
    "dnsdist[7]: Packet from 10.1.2.3:40000 for www.example.org. A with id 4711",
    "dnsdist[7]: Got query for www.example.org|A from 10.1.2.3:40000, relayed to 192.0.2.53:53",
)
ASIDE = (
    "pdns[7]: Remote 198.51.100.7 wants 'www.example.org|A', do = 0, bufsize = 512: packetcache MISS",
    "dnsdist[7]: Marking downstream 192.0.2.53:53 as 'up'",
)


def test_questions_of_every_layout() -> None:
    found = read(PowerdnsFormat, "\n".join(HEAD + line for line in (*ASKED, *ASIDE)))
    asked = ("dns", "10.1.2.3", "www.example.org")
    assert found.select("kind", "client", "host").rows()[:4] == [asked] * 4
    assert found["reason"].to_list() == [None] * 4 + [HOSTED_ZONE, NO_LOOKUP]


def test_the_file_log_action_writes_has_its_own_time() -> None:
    """As dnsdist 2.1.3 writes it with `includeTimestamp`."""
    found = read(
        PowerdnsFormat,
        "[1795886810.930536031] Packet from 10.1.2.3:43379 for chat.example.org. A with id 46167\n"
        "[1795886810.990000000] Answer to 10.1.2.3:43379 for chat.example.org. A (No Error) with id 46167\n",
    )
    assert found.select("host", "action", "reason").rows() == [
        ("chat.example.org", "allowed", None),
        ("chat.example.org", "allowed", ANSWERED),
    ]
    assert found["seen_at"][0] == datetime(2026, 11, 28, 17, 26, 50, 930536, tzinfo=UTC)


def test_answers_tell_what_was_refused() -> None:
    asked = HEAD + "dnsdist[7]: Packet from 10.1.2.3:40000 for chat.example.org. A with id 7\n"
    answer = HEAD + "dnsdist[7]: Answer to 10.1.2.{n}:40000 for chat.example.org. A ({code}) with id 7\n"
    answers = answer.format(n=3, code="Non-Existent domain") + answer.format(n=4, code="Query Refused")
    found = read(PowerdnsFormat, asked + answers)
    assert found["reason"].to_list() == [None, ANSWERED, None]
    assert found["action"].to_list() == ["blocked"] * 3
