"""DNSFilter: query log download and data export, by their header line.

    time,…,fqdn,domain,requestaddress,…,questiontype,code,result,…,username,agenthostname

`requestaddress` is the site's public address, unless a relay tells the client's own (`clientaddress`,
`localaddress`); the roaming agent names its computer. `result` is allowed or blocked.
Source: DNSFilter, "Data Export", "Query Log".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas

_WANTED = {
    "time": "time|timestamp", "host": "fqdn|domain", "type": "questiontype|question_type|query_type",
    "client": "clientaddress|localaddress|agentlocaladdress|client_ip|requestaddress|request_address",
    "result": "result", "user": "username|user_name|agentloggedinuser",
    "device": "agenthostname|agent_hostname|clientname|collectionname",
}  # fmt: skip


class DnsfilterFormat(LogFormat):
    """Reads DNSFilter's exports."""

    name = "dnsfilter"
    help = "DNSFilter query log and data export (CSV with its header line)"
    vantage = "dns"
    proof = ("host", "user", "device", "action")
    advice = "Without relay or agent only the site's public address is known."
    header = (
        r'^\x{FEFF}?"?[Tt]ime(?:stamp)?"?,.*[,"]fqdn[,"].*'
        r'[,"](?:requestaddress|request_address|questiontype)[,"]'
    )
    marks = ("fqdn",)
    claims = pl.lit(False) & pl.col("line").is_not_null()

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = commas.read_headed(lines.select("line", "header"), _WANTED)
        return read.select(
            time="time",
            kind=pl.lit("dns"),
            client="client",
            user_name="user",
            device="device",
            host="host",
            action=pl.col("result").str.to_lowercase(),
            qtype=pl.col("type"),
        )
