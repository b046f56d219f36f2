r"""AWS VPC, subnet, ENI and Transit Gateway flow logs: by their head line, the default format, JSON; and
Alibaba Cloud's VPC flow logs, which have the same fields (JSON).

    version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action
    log-status
    2 123456789010 eni-1235b8ca 10.0.0.5 192.0.2.7 40000 443 6 54 8855 1791280800 1791280860 ACCEPT OK

Files in S3 begin with the fields' names; CloudWatch has none: then the default order (version 2, and all
fields of versions 3 to 5 behind it) and the order of AWS's TCP flags example are known. Any other order needs
its head line. A record counts one direction in one interval; `pkt-srcaddr` is the address behind a NAT
gateway. A flow through two logged interfaces is recorded twice, and counted once (`observer`). Source: Amazon
VPC User Guide, "Flow log records"; Alibaba Cloud, "Flow log fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts, objects
from sensor.sources.logs.text.reasons import NO_DATA, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "inner_client": "pkt-srcaddr|pkt_srcaddr|pktSrcAddr|PktSrcAddr",
    "client": "srcaddr|src_addr|srcAddr|SrcAddr",
    "client_port": "srcport|src_port|srcPort|SrcPort",
    "inner_server": "pkt-dstaddr|pkt_dstaddr|pktDstAddr|PktDstAddr",
    "server": "dstaddr|dst_addr|dstAddr|DstAddr",
    "port": "dstport|dst_port|dstPort|DstPort",
    "proto": "protocol|Protocol", "packets": "packets|Packets", "bytes": "bytes|Bytes",
    "start": "start|Start", "end": "end|End", "action": "action|Action",
    "status": "log-status|log_status|logStatus|LogStatus",
    "observer": "interface-id|interface_id|interfaceId|eni-id|InterfaceId",
}  # fmt: skip
_DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start "
    "end action log-status"
)
_ALL = (
    f"{_DEFAULT} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "
    f"sublocation-type sublocation-id "
    "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
)
_TCP_FLAGS = (
    "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport "
    "pkt-srcaddr pkt-dstaddr protocol "
    "bytes packets start end action tcp-flags log-status"
)
_DEFAULT_LINE = (
    r"^\d{1,2} (?:(?:\d{6,12}|unknown|-) eni-\S+|[0-9a-f]{32} [0-9a-f-]{36}) "
    r"\S+ \S+ \S+ \S+ \S+ \S+ \S+ \d+ \d+ (?:ACCEPT|"
    r"REJECT|-) (?:OK|NODATA|SKIPDATA)"
)
_TCP_FLAGS_LINE = r"^\d{1,2} vpc-\S+ (?:subnet-\S+|-) (?:i-\S+|-) eni-\S+ \d+ (?:IPv4|IPv6|-) "
_EXPORTED = r"^\d{4}-\d\d-\d\dT[\d:.]+Z "
_OBJECT = r'(?i)^\s*\{.*"(?:src_?[aA]ddr"\s*:.*"dst_?[aA]ddr|dst_?[aA]ddr"\s*:.*"src_?[aA]ddr)"\s*:'


class VpcflowFormat(LogFormat):
    """Reads AWS flow logs."""

    name = "vpcflow"
    help = (
        "AWS VPC and Transit Gateway flow logs, versions 2 to 10: by head line, default order, JSON, "
        "Parquet, Log Analytics; flow logs of Alibaba Cloud and Tencent Cloud (JSON), Huawei Cloud"
    )
    vantage = "flow"
    counts_headers = "ip"
    proof = ("bytes_up", "bytes_down", "action")
    advice = (
        "Flow logs name no hosts: scan Route 53 resolver query logs with them. Log a custom format to S3, "
        "whose head line names it."
    )
    header = r"^(?:[a-z][a-z0-9-]+ )*srcaddr(?: [a-z][a-z0-9-]+)+$"
    marks = (
        "eni-", "interface_id", "interfaceid", "log_status", "log-status", "logstatus", "account_id",
        "srcaddr", " accept ", " reject ",
    )  # fmt: skip
    claims = pl.col("line").str.replace(_EXPORTED, "").str.contains(f"{_DEFAULT_LINE}|{_TCP_FLAGS_LINE}") | (
        pl.col("line").str.contains(_OBJECT)
        & pl.col("line").str.contains(r'"(?:interface_id|interfaceId|log[-_]status|[lL]ogStatus|account_id)"')
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow, one way)."""
        # An export from CloudWatch puts its own time in front.
        lines = lines.with_columns(pl.col("line").str.replace(_EXPORTED, ""))
        order = one_of({_TCP_FLAGS: pl.col("line").str.contains(_TCP_FLAGS_LINE)}, otherwise=_ALL)
        headed = lines.with_columns(header=pl.coalesce("header", order))
        return layouts.read(
            headed,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _FIELDS))),
                (pl.lit(True), lambda part: _rows(commas.read_headed(part, _FIELDS, separator=" "))),
            ],
        )


def _told(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "-").then(pl.col(name))


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    begin, end = (pl.col(name).cast(pl.Int64, strict=False) for name in ("start", "end"))
    return fields.select(
        time="start",
        duration_s=(end - begin).cast(pl.Float64),
        # Log Analytics has stamps in place of numbers.
        ended=pl.when(end.is_null()).then("end"),
        kind=pl.lit("flow"),
        client=pl.coalesce(_told("inner_client"), "client"),
        client_port="client_port",
        server=pl.coalesce(_told("inner_server"), "server"),
        server_port="port",
        transport="proto",
        bytes_up="bytes",
        packets_up="packets",
        one_way=pl.lit(True),
        observer="observer",
        action=one_of({"blocked": pl.col("action") == "REJECT", "allowed": pl.col("action") == "ACCEPT"}),
        reason=one_of(
            {
                NO_DATA: pl.col("status").is_in(["NODATA", "SKIPDATA"])
                | ((pl.col("client") == "-") & (pl.col("server") == "-")),
                NO_PORTS: ~has_ports(pl.col("proto")),
            }
        ),
    )
