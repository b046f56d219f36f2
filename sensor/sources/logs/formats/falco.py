r"""Falco: connections that a rule reports, of processes and containers, as JSON or lines.

    {"rule": "Unexpected outbound connection destination", "priority": "Notice", "time": …, "hostname": "n1",
     "output_fields": {"fd.name": "10.1.2.3:50000->192.0.2.7:443", "k8s.ns.name": …, "k8s.pod.name": …, …}, …}
    … Notice Outbound connection (connection=10.1.2.3:50000->192.0.2.7:443 user=root … container_name=web)

`fd.name` is the connection, its client first; `fd.sip.name` is the name that Falco looked up for the server.
What a rule reports has happened, whatever its priority. Reports of files, processes and of what listens are
set aside. A line tells its time without a day, so that of its envelope counts. Source: Falco, "Supported
Fields for Conditions and Outputs"; "Outputs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects, patterns
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_CONNECTION = (
    r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+)->(?P<server>[0-9a-fA-F.:]+):(?P<server_port>\d+)"
)
_FIELDS = "output_fields."
_WANTED = {
    "time": "time", "connection": f"{_FIELDS}fd.name|{_FIELDS}fd.nameraw",
    "transport": f"{_FIELDS}fd.l4proto", "host": f"{_FIELDS}fd.sip.name|{_FIELDS}fd.domain",
    "space": f"{_FIELDS}k8s.ns.name", "pod": f"{_FIELDS}k8s.pod.name",
    "container": f"{_FIELDS}container.name", "node": "hostname",
}  # fmt: skip
_PRIORITY = "(?:Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug)"
_LINE = rf"^(?:\d\d:\d\d:\d\d\.\d+: )?{_PRIORITY} .*\bconnection={_CONNECTION}"
_UNKNOWN = ("", "<NA>", "host")


class FalcoFormat(LogFormat):
    """Reads the connections in Falco's reports."""

    name = "falco"
    help = "Falco: connections its rules report, of containers and processes (JSON or lines)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "device")
    advice = "Falco reports what a rule asks for: enable one for outbound connections, and json_output."
    marks = ('"output_fields"', "connection=")
    claims = objects.having("output_fields", "rule", "priority") | pl.col("line").str.contains(_LINE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per report (kind flow)."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _WANTED))),
                (pl.lit(True), lambda part: _rows(_of_text(part["line"]))),
            ],
        )


def _of_text(lines: pl.Series) -> pl.DataFrame:
    told = {
        "connection": lines.str.extract(rf"connection=({_CONNECTION})"),
        "pod": lines.str.extract(r"\bk8s_pod(?:_name)?=([^\s)]+)"),
        "space": lines.str.extract(r"\bk8s_ns(?:_name)?=([^\s)]+)"),
        "container": lines.str.extract(r"\bcontainer_name=([^\s)]+)"),
    }
    return layouts.conformed(pl.DataFrame(told), _WANTED)


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    read = read.with_columns(pl.when(~pl.all().is_in(_UNKNOWN)).then(pl.all()))
    read = read.hstack(patterns.read(read["connection"], f"^{_CONNECTION}$"))
    return read.select(
        "time",
        "client",
        "client_port",
        "server",
        "server_port",
        "host",
        "transport",
        kind=pl.lit("flow"),
        name_from=one_of({"dns_answer": pl.col("host").is_not_null()}),
        device=pl.coalesce(pl.concat_str("space", "pod", separator="/"), "pod", "container", "node"),
        action=pl.lit("allowed"),
        reason=one_of({NO_CONNECTION: pl.col("server").is_null()}),
    )
