r"""PingFederate: security audit log (`audit.log`, CEF), as weak leases.

    2026-10-06 10:00:00,283| tid:Lx1| AUTHN_ATTEMPT| ada| 10.1.2.3 | App| conn| SAML20| idp.example| IdP|
    success| …
    CEF:0|Ping Identity|PingFederate|12.0|SSO|SSO|0|rt=… duid=ada src=10.1.2.3 msg=success …

Fields stand in the order of the default `log4j2.xml`: time, tracking id, in newer versions a transaction's
id, event, subject, address, application, connection, protocol, host, role, status. The address may be one
that others share, as with Okta: the same confidence of 0.3 and one hour. Source: Ping Identity, "Security
audit logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, patterns
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_CELL = r" *[^|]*\|"
_LINE = (
    rf"^(?P<time>\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}}) *\| *tid:[^|]*\|(?:{_CELL})??"
    r" *(?P<event>[A-Z][A-Za-z_]+) *\| *(?P<user>[^|]*?) *\| *(?P<client>[0-9a-fA-F]*[.:][0-9a-fA-F.:]+) *\|"
    rf"(?:{_CELL}){{5}} *(?P<status>\w+) *\|"
)
_FIELDS = {"time": "rt", "user": "duid", "client": "src", "status": "msg"}
_SIGN_IN = ["SSO", "AUTHN_ATTEMPT", "AUTHN_SESSION_CREATED", "AUTHN_SESSION_USED"]


class PingFederateFormat(LogFormat):
    """Reads PingFederate's security audit log."""

    name = "pingfederate"
    help = "PingFederate 10 to 12 security audit log (audit.log, CEF): sign-ins"
    vantage = "identity"
    proof = ("user",)
    advice = "Let PingFederate see clients' own addresses: behind a load balancer, all sign-ins come from it."
    marks = ("tid:", "|pingfederate|")
    claims = pl.col("line").str.contains(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} *\| *tid:[^|]*\||\|Ping Identity\|PingFederate\|"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                ("CEF:", lambda part: _rows(cef.read(part["line"], _FIELDS))),
                (_LINE, lambda part: _rows(patterns.read(part["line"], _LINE))),
                (pl.lit(True), layouts.set_aside(NO_SIGN_IN)),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    known = pl.col("event").is_in(_SIGN_IN) & (pl.col("user") != "")
    return read.select(
        "client",
        time=pl.col("time").str.replace(",", ".", literal=True),
        user_name="user",
        **signed_in(),
        reason=one_of(
            {
                NO_SIGN_IN: ~known.fill_null(False),
                FAILED_SIGN_IN: (pl.col("status").str.to_lowercase() != "success").fill_null(True),
            }
        ),
    )
