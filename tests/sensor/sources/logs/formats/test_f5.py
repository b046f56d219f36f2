"""F5 BIG-IP: iRule requests and APM's addresses."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.f5 import F5Format
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:0{} lb1 notice {}[9]: {}"
SESSION = "/Common/vpn:Common:0a1b2c3d: "


def test_access_gives_its_tunnels_address_to_the_account_told_before() -> None:
    found = read(
        F5Format,
        "\n".join(
            HEAD.format(*one)
            for one in (
                (0, "apmd", f"01490010:5: {SESSION}Username 'ada'"),
                (1, "tmm", f"01490549:5: {SESSION}Assigned PPP Dynamic IPv4: 10.44.1.9 Tunnel Type: VPN"),
                (2, "mcpd", "01070638:5: Pool /Common/p member /Common/m:80 monitor status down."),
            )
        ),
    )
    assert found.filter(pl.col("reason").is_null()).select("kind", "client", "user_name").rows() == [
        ("lease", "10.44.1.9", "ada")
    ]
    assert set(found["reason"].drop_nulls()) == {NO_ADDRESS}


def test_an_irules_request() -> None:
    one = (
        "2026-10-06T10:00:00+02:00 lb1,f5_irule=Splunk-HSL-iRule-HTTP,src_ip=198.51.100.9,"
        "http_host=chat.example.org,http_uri=/v1/a,http_method=POST,bytes_in=5120,bytes_out=870"
    )
    (row,) = read(F5Format, one).rows(named=True)
    assert (row["client"], row["host"], row["bytes_up"], row["bytes_down"]) == (
        "198.51.100.9",
        "chat.example.org",
        5120,
        870,
    )
    assert row["seen_at"].hour == 8


def test_a_response_answers_its_query_and_stands_for_one_that_is_not_logged() -> None:
    at = "Oct  6 10:00:00 bip info tmm[12]: 2026-10-06 10:00:00 bip.acme.example"
    found = read(
        F5Format,
        f"{at} qid 7 from 10.1.2.3#51000: view none: query: chat.example.com IN A + (10.0.0.53%0)\n"
        f"{at} qid 7 to 10.1.2.3#51000: [REFUSED qr,rd] response: empty\n"
        f"{at} qid 8 to 10.1.2.3#51000: [NOERROR qr,rd] response: api.example.com. 30 IN CNAME edge.example.net.;"
        "edge.example.net. 30 IN A 192.0.2.7;edge.example.net. 30 IN AAAA 2001:db8::7;\n"
        f"{at} qid 9 to 10.1.2.3#51000: [SERVFAIL qr,rd] response: empty\n",
    )
    assert found.select("host", "action", "reason").rows() == [
        ("chat.example.com", "blocked", None),
        (None, "blocked", "set aside: answer to a lookup (its question counts)"),
        ("api.example.com", "allowed", None),
        (None, "unknown", "set aside: names no lookup"),
    ]
    assert found["answers"][2].to_list() == ["192.0.2.7", "2001:db8::7"]


def test_a_connection_of_several_network_events_is_one_session() -> None:
    event = (
        'acl_policy_name="/Common/out" acl_policy_type="Enforced" acl_rule_name="r" action="{}" '
        'date_time="Oct 06 2026 10:00:00" dest_ip="192.0.2.7" dest_port="443" ip_protocol="TCP" '
        'source_ip="10.1.2.3" source_port="50000"'
    )
    found = read(F5Format, "\n".join(event.format(word) for word in ("Accept", "Established", "Closed")))
    assert found["phase"].to_list() == ["begin", "begin", "end"]
    assert found["session"].n_unique() == 1
