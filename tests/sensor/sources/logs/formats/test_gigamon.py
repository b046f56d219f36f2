"""Gigamon's application metadata."""

from __future__ import annotations

from sensor.sources.logs.formats.gigamon import GigamonFormat
from tests.sensor.sources.logs.formats.reading import read

HEAD = '{"eventType":"Gigamon","timestamp":"2026-10-06T10:00:00.217Z","src_ip":"10.1.2.3","src_port":40000,"dst_ip":'


def test_names_of_hellos_requests_and_lookups() -> None:
    lines = (
        HEAD
        + '"192.0.2.7","dst_port":443,"protocol":6,"ssl_common_name":"www.example.org","src_bytes":900,"dst_bytes":70}',
        HEAD + '"192.0.2.7","dst_port":80,"protocol":6,"http_host":"www.example.org","http_uri":"/x?q=1"}',
        HEAD + '"192.0.2.53","dst_port":53,"protocol":17,"dns_query":"www.example.org"}',
    )
    found = read(GigamonFormat, "\n".join(lines))
    assert found.select("kind", "host", "path", "server_port", "bytes_up").rows() == [
        ("tls", "www.example.org", None, 443, 900),
        ("http", "www.example.org", "/x", 80, None),
        ("dns", "www.example.org", None, None, None),
    ]
