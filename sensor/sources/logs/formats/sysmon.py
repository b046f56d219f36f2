"""Sysmon events 22 (DNS query) and 3 (network connection), and 3008 of Windows' DNS client (a query's end):
winlogbeat, NXLog, Wazuh, evtx_dump JSON, XML, and Splunk's WinEventLog text, whose message names the same
data in English (`QueryName: chat.example.com`).

Events 22 and 3008 name the device (22 the user and program, too) but not the client's address. `Initiated`
false means the device accepted the connection: turned round. No bytes. Source: Microsoft Sysinternals,
Sysmon; Microsoft-Windows-DNS-Client/Operational.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.windows_security_text import SPLUNK_EVENTS, splunk_event
from sensor.sources.logs.lines.framing import JOINT
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import events, lookups, objects
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_DATA = (
    "QueryName", "QueryType", "QueryStatus", "QueryResults", "User", "UtcTime", "Protocol", "Initiated",
    "SourceIp", "SourceHostname",
    "SourcePort", "DestinationIp", "DestinationHostname", "DestinationPort",
)  # fmt: skip
#: Where newer winlogbeats, which move the data of events, put it.
_ECS = {
    "QueryName": "dns.question.name", "QueryResults": "dns.resolved_ip", "User": "user.name",
    "Protocol": "network.transport", "SourceIp": "source.ip", "SourcePort": "source.port",
    "DestinationIp": "destination.ip", "DestinationPort": "destination.port",
    "DestinationHostname": "destination.domain", "domain": "user.domain",
}  # fmt: skip
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F.:]*"


class SysmonFormat(LogFormat):
    """Reads Sysmon's DNS and network events."""

    name = "sysmon"
    help = (
        "Sysmon events 22 and 3 (Sysmon 10 to 15, for Linux), 3008 of Windows' DNS client, as JSON "
        "(winlogbeat, NXLog, Wazuh, evtx_dump), XML, or Splunk's WinEventLog text"
    )
    vantage = "endpoint"
    proof = ("host", "user", "device")
    advice = "Sysmon counts no bytes; enable DnsQuery and NetworkConnect in its configuration."
    marks = ('"queryresults"', "linux-sysmon", "microsoft-windows-sysmon", "microsoft-windows-dns-client")
    claims = pl.col("line").str.contains("Microsoft-Windows-(?:Sysmon|DNS-Client)|Linux-Sysmon") | (
        objects.having("QueryResults") & objects.having_any("Image", "QueryStatus")
    )
    framing = SPLUNK_EVENTS

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event 22, 3008 or 3."""
        read = events.read(lines["line"], _DATA, _ECS)
        if not (told := _text(lines["line"])).is_empty():
            read = read.with_columns(either(told[name], read[name]) for name in told.columns)
        event = pl.col("event")
        dns, taken = (
            event.is_in(["22", "3008"]),
            (pl.col("Initiated").str.to_lowercase() == "false").fill_null(False),
        )
        here, there = ("SourceIp", "SourcePort"), ("DestinationIp", "DestinationPort")
        return read.select(
            time=pl.coalesce(pl.concat_str("UtcTime", pl.lit("Z")), "stamp"),
            kind=one_of({"dns": dns}, otherwise="flow"),
            client=here[0],
            client_port=here[1],
            server=pl.when(~dns).then(there[0]),
            server_port=there[1],
            device=pl.when(~taken).then("computer").otherwise("SourceHostname"),
            user_name=pl.when(~taken).then(
                pl.concat_str(pl.concat_str("domain", pl.lit("\\")).fill_null(""), "User")
            ),
            host=pl.when(dns).then("QueryName").otherwise("DestinationHostname"),
            name_from=one_of({"dns_answer": ~dns}),
            transport="Protocol",
            answers=pl.when(dns).then(pl.col("QueryResults").str.extract_all(_ADDRESS)),
            qtype="QueryType",
            action=pl.coalesce(
                lookups.windows_verdict(pl.when(dns).then("QueryStatus")),
                pl.lit("allowed"),
            ),
            reason=one_of({NO_CONNECTION: ~event.is_in(["22", "3008", "3"]).fill_null(False)}),
        )


def _text(line: pl.Series) -> pl.DataFrame:
    """The wanted columns of Splunk's events; no rows where there is none."""
    told = splunk_event(line)
    if told["log"].null_count() == told.height:
        return pl.DataFrame()
    data = {
        name: told["message"].str.extract(rf"[{JOINT}]{name}: ([^\r{JOINT}]*)").str.replace(r"^-$", "")
        for name in _DATA
    }
    return told.select("event", "stamp", "computer").with_columns(
        pl.Series(name, values).replace("", None) for name, values in data.items()
    )
