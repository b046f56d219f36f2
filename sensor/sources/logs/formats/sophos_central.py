"""Sophos Central events (SIEM API, and the JSON, CEF and key=value of Sophos's own script).

    {"type": "Event::Endpoint::WebControlViolation", "group": "WEB", "when": …, "source": "ACME\\ada",
     "location": "LAPTOP-7", "source_info": {"ip": "10.1.2.3"}, "customer_id": …, "endpoint_id": …,
     "name": "'https://chat.example.com' blocked due to category 'AI'"}
    CEF:0|sophos|sophos central|1.0|Event::Endpoint::WebControlViolation|User bypassed category block to '…'|…
    type="Event::Endpoint::WebFilteringBlocked"; name="Access was blocked to …"; customer_id="…"; suser="…"; …

Only web events name a site, within their sentence: `blocked`, `warned` (the user was asked) or bypassed. The
script renames `when`, `source` and `location` to `end`, `suser` and `dhost`. Other events tell of the device
itself: set aside. Source: Sophos, "SIEM Integration API"; github.com/sophos/Sophos-Central-SIEM-Integration.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, keyvalue, layouts, objects
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "when|end|created_at|rt",
    "type": "type|ext_type",
    "sentence": "name|description",
    "client": "source_info.ip|source_info_ip",
    "user": "source|suser",
    "device": "location|dhost",
}
_WEB = "Event::Endpoint::Web"
#: `Access was blocked to "…" because of "…".`, `'…' warned due to category '…'`, `User bypassed … to '…'`.
_SITE = r"""(?:^|\b(?:to|Access to) )["']([^"'\s]+)["']"""


class SophosCentralFormat(LogFormat):
    """Reads Sophos Central's events."""

    name = "sophos-central"
    help = "Sophos Central events (SIEM API, script): web control and filtering on endpoints"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "path", "user", "device", "action")
    advice = "Central only reports blocked and warned sites: add the firewall's web log."
    marks = ("event::",)
    claims = (
        (
            objects.having("customer_id", "severity", "group")
            & pl.col("line").str.contains('"Event::', literal=True)
        )
        | pl.col("line").str.contains(r"\|Event::\w+::[\w:]+\|")
        | pl.col("line").str.contains(r'\btype="Event::\w+::.*\bcustomer_id=|\bcustomer_id=.*\btype="Event::')
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _FIELDS))),
                (r"\|Event::", _from_cef),
                (pl.lit(True), lambda part: _rows(keyvalue.read(part["line"], _FIELDS, separator=";"))),
            ],
        )


def _from_cef(lines: pl.DataFrame) -> pl.DataFrame:
    """Type and sentence stand in the head."""
    read = cef.read(lines["line"], _FIELDS)
    return _rows(
        read.with_columns(type=pl.coalesce("type", "event"), sentence=pl.coalesce("sentence", "name"))
    )


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    site = pl.col("sentence").str.extract(_SITE)
    web = pl.col("type").str.starts_with(_WEB).fill_null(False) & site.is_not_null()
    stopped = pl.col("sentence").str.contains(r"(?i)\bblocked\b")
    return fields.select(
        "time",
        "client",
        "device",
        kind=pl.lit("http"),
        user_name="user",
        url=pl.when(web).then(site),
        action=one_of({"blocked": stopped}, otherwise="allowed"),
        reason=one_of({NO_SERVICE: ~web}),
    )
