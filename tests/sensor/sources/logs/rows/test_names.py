"""Hosts, and the addresses that stand in their place, lose their port and nothing else. Methods are capitals."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.rows.names import located, spelled

NOTHING = dict.fromkeys((*FIELDS, "called"))
TYPES = {name: dtype for name, (dtype, _) in FIELDS.items()} | {"called": pl.String()}


@pytest.mark.parametrize(
    ("asked", "host", "server"),
    [
        ("Claude.ai:443", "claude.ai", None),
        ("192.0.2.7:443", None, "192.0.2.7"),
        ("2001:db8::1", None, "2001:db8::1"),
        ("2606:4700::6810:1234", None, "2606:4700::6810:1234"),
        ("[2606:4700::6810:1234]:443", None, "2606:4700::6810:1234"),
        ("[2001:DB8::1]", None, "2001:db8::1"),
    ],
)
def test_a_host_loses_its_port_and_an_address_is_the_servers(
    asked: str, host: str | None, server: str | None
) -> None:
    found = located(pl.DataFrame([NOTHING | {"host": asked}], schema=TYPES))
    assert found.select("host", "server").row(0) == (host, server)


@pytest.mark.parametrize(
    ("written", "method", "path"),
    [("connect", "CONNECT", None), ("Post", "POST", "/a"), (None, None, "/a")],
)
def test_a_method_counts_however_it_is_written(
    written: str | None, method: str | None, path: str | None
) -> None:
    row = NOTHING | {"method": written, "url": "https://claude.ai/a"}
    found = located(spelled(pl.DataFrame([row], schema=TYPES)))
    assert found.select("method", "path").row(0) == (method, path)
