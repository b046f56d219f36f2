"""Packets that network policies of Kubernetes and OpenStack logged: OVN (`acl-audit-log`), Antrea (`np.log`).

    2026-10-06T10:00:00.250Z|00007|acl_log(ovn_pinctrl0)|INFO|name="p", verdict=drop, severity=info,
    direction=from-lport: tcp,…,nw_src=10.1.2.3,nw_dst=192.0.2.7,…,tp_src=50000,tp_dst=443,tcp_flags=syn
    2026/10/06 10:00:00.250000 AntreaPolicyEgressRule AntreaNetworkPolicy:shop/p r1 Egress Drop 14500
    shop/web-1 10.1.2.3 50000 192.0.2.7 443 TCP 60 label                                          Antrea
    … AntreaPolicyIngressRule AntreaNetworkPolicy:shop/p r1 Drop 14500 10.1.2.3 50000 192.0.2.7 443 TCP 60

OVN says packets of either way where all are logged: an answer has no opening flags. A pod (`shop/web-1`) is
the one the policy is for, of egress the client. Before Antrea 1.13 neither it nor the way is told. Where
refused packets are alike, one line counts them: `60 [3 packets in 1.01s]`. Antrea tells no zone.
Source: Red Hat, "Logging network policy events"; Antrea, "Antrea Network Policy", audit logging.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_PORTS, STRAY
from sensor.sources.logs.text.words import one_of

_OVN = r"^\d{4}-\d\d-\d\dT[\d:.]+Z\|\d+\|acl_log\([\w-]+\)\|[A-Z]+\|"
_OF_OVN = (
    r"^(?<time>[^|]+)\|.*?\bverdict=(?<action>[\w-]+).*?: (?<transport>[a-z]+\d?),"
    r".*?(?:nw|ipv6)_src=(?<client>[^,]+),(?:nw|ipv6)_dst=(?<server>[^,]+)"
    r".*?,(?:tp_src=(?<client_port>\d+),tp_dst=(?<server_port>\d+)|$)(?:,tcp_flags=(?<flags>\S+))?"
)
_STAMP = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?"
_ANTREA = rf"^{_STAMP} \w+ (?:Antrea|K8s|Admin|Baseline)\w*NetworkPolicy\S* "
_OF_ANTREA = (
    rf"^(?<time>{_STAMP}) \S+ \S+ (?:\S+ )?(?:(?<way>Ingress|Egress) )?"
    r"(?<action>Allow|Drop|Reject|Redirect) \S+ (?:(?<pod>[^\s/]+/\S+|<nil>) )?"
    r"(?<client>[0-9a-fA-F.:]+) (?<client_port>\S+) "
    r"(?<server>[0-9a-fA-F.:]+) (?<server_port>\S+) (?<transport>\S+) \d+"
)
_FIELDS = (
    "time", "client", "client_port", "server", "server_port", "transport", "action", "flags", "way", "pod",
)  # fmt: skip


class ClusterPoliciesFormat(LogFormat):
    """Reads what OVN and Antrea log of packets that a policy let through or refused."""

    name = "cluster-policies"
    help = "OVN ACL logs (OpenShift, OVN-Kubernetes, OpenStack) and Antrea's audit log of network policies"
    vantage = "firewall"
    is_stateless = True
    proof = ("device", "action")
    advice = "Only packets of policies with logging are told, without names or sizes."
    marks = ("|acl_log(", "networkpolicy")
    claims = pl.col("line").str.contains(_OVN) | pl.col("line").str.contains(_ANTREA)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per packet, or per refused packets that are alike (kind flow)."""
        return layouts.read(
            lines,
            [
                (_OVN, lambda part: _rows(part["line"], _OF_OVN)),
                (pl.lit(True), lambda part: _rows(part["line"], _OF_ANTREA)),
            ],
        )


def _rows(lines: pl.Series, layout: str) -> pl.DataFrame:
    read = layouts.conformed(patterns.read(lines, layout), _FIELDS)
    transport = pl.col("transport").str.to_lowercase().str.extract("^(tcp|udp|sctp)").fill_null("icmp")
    flags = pl.col("flags").str.split("|")
    answer = ~flags.list.contains("syn") | flags.list.contains("ack")
    word, pod = pl.col("action").str.to_lowercase(), pl.col("pod").str.extract("/(.+)")
    return read.select(
        "time",
        "client",
        "client_port",
        "server",
        "server_port",
        kind=pl.lit("flow"),
        transport=transport,
        device=pl.when(pl.col("way") == "Egress").then(pod),
        action=one_of(
            {"allowed": word.is_in(["allow", "allow-related", "redirect", "pass"])}, otherwise="blocked"
        ),
        reason=one_of({NO_PORTS: transport == "icmp", STRAY: answer}),
    )
