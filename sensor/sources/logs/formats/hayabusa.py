r"""Hayabusa: timelines of Windows event logs, CSV by its titles; of them Sysmon's lookups and connections.

    "Timestamp","RuleTitle","Level","Computer","Channel","EventID","RecordID","Details","ExtraFieldInfo"
    "2026-10-06 10:00:00.123 +00:00","DNS Query","info","pc1","Sysmon",22,1234,"Query: chat.example.com ¦
     Result: 192.0.2.7; ¦ Proc: C:\b.exe ¦ PID: 4 ¦ PGUID: 2","User: ACME\ada"
    "2026-10-06 10:00:01.123 +00:00","Net Conn","info","pc1","Sysmon",3,1235,"Proto: tcp ¦ SrcIP: 10.1.2.3 …"

A row is a rule that matched: an event with several is told once (within a block). Details are by Hayabusa's
names, what they leave out by Sysmon's (`ExtraFieldInfo`), in other profiles all (`AllFieldInfo`).
`Initiated: false`: the device accepted the connection. Channels are read as it abbreviates them. Rules that
match every lookup and connection are informational (`--min-level`). Source: Hayabusa, output profiles;
hayabusa-rules, `default_details.txt`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas
from sensor.sources.logs.text.reasons import NO_CONNECTION, REPEATED
from sensor.sources.logs.text.words import one_of

_TITLES = {
    "time": "timestamp|datetime", "computer": "computer", "channel": "channel", "event": "eventid",
    "record": "recordid", "details": "details", "extra": "extrafieldinfo", "all": "allfieldinfo",
}  # fmt: skip
#: Hayabusa's names of what Sysmon tells, and Sysmon's.
_DETAILS = {
    "query": "Query|QueryName", "result": "Result|QueryResults", "user": "User", "proto": "Proto|Protocol",
    "initiated": "Initiated", "client": "SrcIP|SourceIp", "client_port": "SrcPort|SourcePort",
    "peer": "SrcHost|SourceHostname", "server": "TgtIP|DestinationIp",
    "server_port": "TgtPort|DestinationPort", "name": "TgtHost|DestinationHostname",
}  # fmt: skip
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F.:]*"


class HayabusaFormat(LogFormat):
    """Reads Sysmon's events in timelines of Hayabusa."""

    name = "hayabusa"
    help = "Hayabusa 2 and 3: csv-timeline (Sysmon events 22 and 3)"
    vantage = "endpoint"
    proof = ("host", "user", "device")
    advice = "Scan the event logs themselves (.evtx): a timeline holds only what a rule matched."
    header = r'^"?(?:Timestamp|datetime)"?,.*\bRuleTitle\b.*\b(?:Details|AllFieldInfo)\b'
    marks = ("ruletitle",)
    claims = pl.lit(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per match."""
        read = commas.read_headed(lines, _TITLES)
        told = pl.concat_str("details", "extra", "all", separator=" ¦ ", ignore_nulls=True)
        read = read.with_columns(
            told.str.extract(rf"(?:^|¦) *(?:{names}): *([^¦]*[^¦ ])").alias(name)
            for name, names in _DETAILS.items()
        )
        sysmon = pl.col("channel") == "Sysmon"
        dns, connects = sysmon & (pl.col("event") == "22"), sysmon & (pl.col("event") == "3")
        taken = (pl.col("initiated").str.to_lowercase() == "false").fill_null(False)
        again = pl.int_range(pl.len()).over("computer", "channel", "record", "time") > 0
        return read.select(
            *("time", "client", "client_port", "server", "server_port"),
            kind=one_of({"dns": dns}, otherwise="flow"),
            device=pl.when(taken).then("peer").otherwise("computer"),
            user_name=pl.when(~taken).then("user"),
            host=pl.when(dns).then("query").otherwise("name"),
            name_from=one_of({"dns_answer": connects}),
            transport="proto",
            answers=pl.when(dns).then(pl.col("result").str.extract_all(_ADDRESS)),
            action=pl.lit("allowed"),
            reason=one_of({NO_CONNECTION: ~(dns | connects).fill_null(False), REPEATED: again}),
        )
