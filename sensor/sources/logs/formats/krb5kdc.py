r"""MIT Kerberos (also of FreeIPA): the KDC's log.

    Oct 06 10:00:00 kdc1 krb5kdc[831](info): AS_REQ (8 etypes {…}) 10.1.2.3: ISSUE: authtime 1791280800,
      etypes {rep=…, tkt=…, ses=…}, ann@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM
    … AS_REQ (8 etypes {…}) 10.1.2.3: NEEDED_PREAUTH: ann@EXAMPLE.COM for krbtgt/…, Additional pre-…
    … TGS_REQ (8 etypes {…}) 10.1.2.3: ISSUE: authtime …, ann@EXAMPLE.COM for HTTP/proxy.example.com@…

Only a ticket that was issued tells who is at an address. `authtime` is when the account gave its password: of
an AS_REQ the time of the line, too. Services get tickets for others. Source: MIT Kerberos, kdc/kdc_log.c;
checked with 1.22.1.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_ADDRESS, SIGN_IN_OF_A_PROGRAM
from sensor.sources.logs.text.words import one_of

_ASKED = (
    r"\b(?P<message>AS|TGS)_REQ \([^)]*etypes \{.*?\}\) "
    r"(?P<ip>[0-9a-fA-F.:]+): (?P<outcome>[A-Z_]+): (?:authtime (?P<at>\d+), +(?:etypes \{[^}]*\}, )?)?"
    r"(?P<client>\S+) for "
)


class Krb5kdcFormat(LogFormat):
    """Reads tickets that MIT Kerberos issued."""

    name = "krb5kdc"
    help = "MIT Kerberos 1.10 to 1.22, FreeIPA: krb5kdc.log"
    vantage = "identity"
    proof = ("user", "device")
    marks = ("krb5kdc", "_req (")
    claims = pl.col("line").str.contains(
        r"\b(?:AS|TGS)_REQ \([^)]*etypes \{|^krb5kdc\[\d+\]\([a-zA-Z]+\): "
    ) | (pl.col("tag") == "krb5kdc").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per ticket issued to a person or a computer."""
        read = patterns.read(lines["line"], _ASKED)
        computer = pl.col("client").str.extract(r"^host/([^@]+)@")
        service = pl.col("client").str.contains(r"^(?:[A-Za-z]+/[^@]*\.|krbtgt/|WELLKNOWN/|K/M@)")
        issued = pl.col("outcome") == "ISSUE"
        return read.select(
            time=pl.when((pl.col("message") == "AS") & issued).then("at"),
            kind=pl.lit("lease"),
            client="ip",
            user_name=pl.when(computer.is_null()).then("client"),
            device=computer,
            lease_s=pl.lit(WORKING_DAY_S),
            origin=pl.lit("directory"),
            confidence=pl.lit(0.8),
            reason=one_of(
                {
                    NO_ADDRESS: pl.col("ip").is_null(),
                    FAILED_SIGN_IN: ~issued,
                    SIGN_IN_OF_A_PROGRAM: service & computer.is_null(),
                }
            ),
        )
