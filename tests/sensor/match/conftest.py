"""A small made-up catalog, so that matching is tested apart from the real one."""

import datetime
from collections.abc import Callable

import polars as pl
import pytest

from sensor import schema
from sensor.catalog.index import INDICATORS
from sensor.match.index import Index

Observe = Callable[..., pl.DataFrame]


def indicators(*rows: tuple[str, str, str, str, str]) -> pl.DataFrame:
    """Indicator rows from (app, kind, value, access, role)."""
    return pl.DataFrame(
        [
            {
                "signature": f"{app}#{kind}:{value}",
                "app": app,
                "kind": kind,
                "value": value,
                "access": access,
                "role": role,
                "confidence": 0.9,
                "upload_baseline_bytes": {"web": 24_000, "cli": 12_000}.get(access, 6_000),
                "certainty": "vendor_doc",
                "reference": "https://example.com",
                "checked": datetime.date(2026, 11, 22),
            }
            for app, kind, value, access, role in rows
        ],
        schema=INDICATORS,
    )


@pytest.fixture(scope="session")
def index() -> Index:
    return Index.build(
        indicators(
            ("open/chat", "suffix", "chat.example", "web", "use"),
            ("open/chat", "domain", "stats.chat.example", "telemetry", "support"),
            ("open/api", "suffix", "open.example", "site", "support"),
            ("open/api", "suffix", "api.open.example", "api", "use"),
            ("open/api", "user_agent", "OpenSDK/", "api", "use"),
            ("open/code", "url", "chat.example/backend/code", "cli", "use"),
            ("open/code", "user_agent", "open-cli/", "cli", "use"),
            ("cloud/model", "pattern", "runtime.*.cloud.example", "api", "use"),
            ("cloud/model", "pattern", "*-ai.cloud.example", "api", "use"),
            ("cloud/eu", "suffix", "eu-ai.cloud.example", "api", "use"),
            ("other/api", "domain", "api.other.example", "api", "use"),
            ("office/ai", "domain", "www.office.example", "web", "embedded"),
            ("office/ai", "url", "www.office.example/ai", "web", "use"),
            ("office/ai", "url", "portal.example.com/assist/", "web", "use"),
            ("own/net", "address", "192.0.2.0/24", "api", "use"),
            ("own/net", "address", "192.0.2.128/25", "web", "use"),
            ("own/net", "address", "2001:db8:7::/48", "api", "use"),
            ("behaviours/asked", "port", "/v1/messages", "candidate", "support"),
            ("open/chat", "ja4", "t13d1516h2_8daaf6152771_b0da82dd1658", "web", "use"),
        )
    )


@pytest.fixture(scope="session")
def observe() -> Observe:
    """Observations from keyword columns; all other columns are NULL."""

    def make(**columns: list[object]) -> pl.DataFrame:
        return schema.OBSERVATIONS.conform(pl.DataFrame(columns))

    return make
