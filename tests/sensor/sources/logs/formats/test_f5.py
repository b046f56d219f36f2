"""F5 BIG-IP: iRule requests and APM's addresses."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.f5 import F5Family
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:0{} lb1 notice {}[9]: {}"
SESSION = "/Common/vpn:Common:0a1b2c3d: "


def test_access_gives_its_tunnels_address_to_the_account_told_before() -> None:
    found = read(
        F5Family,
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
    (row,) = read(F5Family, one).rows(named=True)
    assert (row["client"], row["host"], row["bytes_up"], row["bytes_down"]) == (
        "198.51.100.9",
        "chat.example.org",
        5120,
        870,
    )
    assert row["seen_at"].hour == 8
