"""DNS-collector's JSON and text."""

from __future__ import annotations

from sensor.sources.logs.formats.dns_collector import DnsCollectorFormat
from sensor.sources.logs.text.reasons import ANSWERED, RESOLVERS_OWN
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"network":{{"query-ip":"10.1.2.3","query-port":"40000","response-ip":"192.0.2.53"}},"dns":{{"qname":"www.example.org",'
    '"qtype":"A","rcode":"NOERROR","id":7,"resource-records":{{"an":[{{"rdata":"192.0.2.7"}}]}}}},"dnstap":{{"operation":"{}",'
    '"timestamp-rfc3339ns":"2026-10-06T10:00:00.5Z"}}}}'
)


def test_a_question_and_its_answer_are_one_lookup() -> None:
    lines = (LINE.format("CLIENT_QUERY"), LINE.format("CLIENT_RESPONSE"), LINE.format("RESOLVER_QUERY"))
    found = read(DnsCollectorFormat, "\n".join(lines))
    assert found["reason"].to_list() == [None, None, RESOLVERS_OWN]
    assert found.select("client", "host", "server", "action").rows()[:2] == [
        ("10.1.2.3", "www.example.org", "192.0.2.53", None),
        ("10.1.2.3", "www.example.org", "192.0.2.53", "allowed"),
    ]
    assert found["session"][0] == found["session"][1]


def test_its_text_says_the_same() -> None:
    line = "2026-10-06T10:00:00.123456789Z ns1 {} {} 10.1.2.3 50000 IPv4 UDP 54b chat.example.com A 0.01\n".format
    found = read(
        DnsCollectorFormat,
        line("CLIENT_QUERY", "NOERROR")
        + line("FORWARDER_QUERY", "NOERROR")
        + line("CLIENT_RESPONSE", "NXDOMAIN"),
    )
    assert found["reason"].to_list() == [None, RESOLVERS_OWN, ANSWERED]
    assert found.select("client", "client_port", "host", "action").row(0) == (
        "10.1.2.3",
        50000,
        "chat.example.com",
        "blocked",
    )
