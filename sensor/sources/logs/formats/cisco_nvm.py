r"""Cisco Secure Client (AnyConnect) Network Visibility Module: flows of endpoints, as collected.

    fv="nvzFlow_v3" udid="…" liuid="ada" liuida="ACME" pa="ACME\ada" pn="chrome.exe" sa="10.1.2.3" sp="40000"
      da="192.0.2.7" dp="443" pr="6" dh="chat.example.com" ds="corp.example" ibc="7000" obc="900"
      fss="Tue Oct 06 10:00:00 2026" fes="Tue Oct 06 10:00:09 2026"

`obc` is what the endpoint sent, `ibc` what it got, `liuid` who is logged in, `dh` the destination's name.
Records about the endpoint itself and its interfaces name no flow: set aside. Source: Cisco, "Network
Visibility Module, Collector Administrator Guide".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, objects
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_KEYS = (
    "sa", "sp", "da", "dp", "pr", "dh", "ibc", "obc", "liuid", "liuida", "fss", "fes", "fsms", "fems",
    "vsn",
)  # fmt: skip
_FLOW = r'\bfv="?nvzFlow_|"fv"\s*:\s*"nvzFlow_'


class CiscoNvmFormat(LogFormat):
    """Reads the flow records of the Network Visibility Module's collector."""

    name = "cisco-nvm"
    help = "Cisco Secure Client / AnyConnect 4 and 5 Network Visibility Module (nvzFlow)"
    vantage = "endpoint"
    proof = ("host", "user", "bytes_up", "bytes_down")
    marks = ('"nvzflow_', "fv=nvzflow_")
    claims = pl.col("line").str.contains(_FLOW)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        line = lines["line"]
        read = keyvalue.read(line, _KEYS)
        if line.str.starts_with("{").any():
            read = filled(read, objects.read(line, _KEYS))
        domain = said("liuida", ".")
        whole = pl.col("liuid").str.contains(r"[@\\]") | domain.is_null()
        return read.select(
            time=pl.coalesce("fsms", "fss"),
            ended=pl.coalesce("fems", "fes"),
            kind=pl.lit("flow"),
            client="sa",
            client_port="sp",
            user_name=pl.when(whole).then("liuid").otherwise(pl.concat_str(domain, pl.lit("\\"), "liuid")),
            device="vsn",
            host="dh",
            name_from=pl.lit("dns_answer"),
            server="da",
            server_port="dp",
            transport="pr",
            bytes_up="obc",
            bytes_down="ibc",
            action=pl.lit("allowed"),
            reason=one_of(
                {NO_CONNECTION: pl.col("da").is_null(), NO_PORTS: ~has_ports(pl.col("pr")).fill_null(False)}
            ),
        )
