"""Parts of access logs as columns."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.sources.logs.text import requests


@pytest.mark.parametrize(
    ("logged", "server", "port"),
    [
        ("192.0.2.7:443", "192.0.2.7", "443"),
        ("tcp://192.0.2.7:443", "192.0.2.7", "443"),
        ("192.0.2.7:443, 192.0.2.8:443", "192.0.2.7", "443"),
        ("[2001:db8::7]:443", "2001:db8::7", "443"),
        # Squid's `%<a` and HAProxy's `%si` have neither brackets nor a port.
        ("2606:4700::6810:1234", "2606:4700::6810:1234", None),
        ("2001:db8::1", "2001:db8::1", None),
        ("unix:/run/app.sock", None, None),
    ],
)
def test_the_server_is_the_first_address_without_its_port(
    logged: str, server: str | None, port: str | None
) -> None:
    parts = pl.DataFrame(
        [dict.fromkeys(requests.PARTS) | {"server": logged}], schema=dict.fromkeys(requests.PARTS, pl.String)
    )
    found = parts.select(**requests.fields(at_end=False))
    assert found.select("server", "server_port").row(0) == (server, port)


def test_of_two_durations_the_finer_counts() -> None:
    """Apache's `%T` is of whole seconds."""
    said = {"seconds": "0", "micros": "812345"}
    parts = pl.DataFrame(
        [dict.fromkeys(requests.PARTS) | said], schema=dict.fromkeys(requests.PARTS, pl.String)
    )
    assert parts.select(requests.fields(at_end=False)["duration_s"]).item() == 0.812345
