"""Cilium Hubble: flows of Kubernetes pods as JSON (`hubble observe -o json`, `jsonpb`, hubble-export).

    {"flow": {"verdict": "FORWARDED", "IP": {"source": …}, "l4": {"TCP": {"destination_port": 443}}, "source":
     {"pod_name": …, "namespace": …}, "destination_names": ["api.example.org"], "l7": {"dns": {"query":
     …}}, …}}

A flow is one packet or event, not a connection: those of one 5-tuple are one session, replies
(`is_reply`) are turned, and nothing tells volumes. `destination_names` are names that Cilium's DNS proxy
saw resolved. A pod stands as `namespace/pod`. An answer to a lookup (`l7.type` RESPONSE) goes from the
resolver to the pod, and has no `rcode` where that is 0. Source: Cilium API `flow.proto`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": "time", "verdict": "verdict", "src": "IP.source", "dst": "IP.destination",
    "tcp": "l4.TCP.destination_port", "udp": "l4.UDP.destination_port", "tcp_from": "l4.TCP.source_port",
    "udp_from": "l4.UDP.source_port", "pod": "source.pod_name", "space": "source.namespace",
    "pod_to": "destination.pod_name", "space_to": "destination.namespace", "reply": "is_reply|reply",
    "query": "l7.dns.query", "qtypes": "l7.dns.qtypes", "rcode": "l7.dns.rcode", "type": "l7.type",
    "url": "l7.http.url",
    "method": "l7.http.method", "status": "l7.http.code",
}  # fmt: skip
_WANTED = {name: f"flow.{path}".replace("|", "|flow.") + f"|{path}" for name, path in _FIELDS.items()}
_NAMES, _BARE_NAMES, _BACK_NAMES = "flow.destination_names[]", "destination_names[]", "flow.source_names[]"
_ADDRESSES, _BARE_ADDRESSES = "flow.l7.dns.ips[]", "l7.dns.ips[]"
_ACTIONS = {"FORWARDED": "allowed", "REDIRECTED": "allowed", "AUDIT": "allowed", "DROPPED": "blocked"}


class CiliumHubbleFormat(LogFormat):
    """Reads Hubble's flows."""

    name = "cilium-hubble"
    help = "Cilium Hubble flows of Kubernetes (JSON): pods, names, DNS, HTTP"
    vantage = "flow"
    proof = ("host", "path", "device", "action")
    advice = "Hubble has no volumes. Names need Cilium's DNS proxy (a policy with dns rules)."
    marks = ('"verdict"',)
    claims = objects.having("verdict", "IP") & objects.having_any("node_name", "traffic_direction", "Summary")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per flow."""
        lists = [_NAMES, _BARE_NAMES, _BACK_NAMES, _ADDRESSES, _BARE_ADDRESSES]
        read = objects.read(lines["line"], _WANTED, lists=lists)
        answer = (pl.col("query").is_not_null() & (pl.col("type") == "RESPONSE")).fill_null(False)
        back = (pl.col("reply") == "true").fill_null(False) & pl.col("query").is_null()
        read = read.with_columns(
            answer=answer,
            turned=back | answer,
            port=pl.coalesce("tcp", "udp"),
            port_from=pl.coalesce("tcp_from", "udp_from"),
            named=pl.coalesce(_NAMES, _BARE_NAMES).list.first(),
            named_back=pl.col(_BACK_NAMES).list.first(),
        )
        is_dns, is_http = pl.col("query").is_not_null(), pl.col("url").is_not_null()
        pod = _either(_pod("space_to", "pod_to"), _pod("space", "pod"))
        key = [
            _either("dst", "src"),
            _either("port", "port_from"),
            _either("src", "dst"),
            _either("port_from", "port"),
        ]
        refused = lookups.verdict(pl.col("rcode").fill_null("0"))
        rows = read.select(
            "answer",
            time="time",
            kind=one_of({"dns": is_dns, "http": is_http}, otherwise="flow"),
            client=_either("dst", "src"),
            client_port=pl.when(~is_dns).then(_either("port", "port_from")),
            device=pod,
            host=pl.when(is_dns).then("query").when(~is_http).then(_either("named_back", "named")),
            name_from=one_of({"dns_answer": ~is_dns & ~is_http}),
            url="url",
            method="method",
            status="status",
            server=pl.when(~is_dns).then(_either("src", "dst")),
            server_port=pl.when(~is_dns).then(_either("port_from", "port")),
            transport=pl.when(~is_dns).then(one_of({"tcp": pl.col("tcp").is_not_null()}, otherwise="udp")),
            action=pl.when("answer")
            .then(refused)
            .otherwise(pl.col("verdict").replace_strict(_ACTIONS, default="unknown")),
            answers=pl.when("answer").then(pl.coalesce(_ADDRESSES, _BARE_ADDRESSES)),
            session=pl.when(~is_dns & ~is_http & (pl.col("verdict") != "DROPPED")).then(
                pl.concat_str(key, separator="|")
            ),
            # A packet is told wherever it is seen: only the first one of an unknown session opens it.
            phase=pl.lit("update"),
            qtype=pl.col("qtypes").str.extract(r'"([A-Z]+)"'),
            reason=one_of({NO_PORTS: ~is_dns & pl.col("port").is_null()}),
        )
        if read["query"].null_count() == read.height:
            return rows
        return lookups.paired(rows, ("kind", "client", "host", "qtype"))


def _pod(space: str, pod: str) -> pl.Expr:
    return pl.concat_str(space, said(pod), separator="/")


def _either(back: str | pl.Expr, forth: str | pl.Expr) -> pl.Expr:
    """Of a reply, the one; else the other."""
    return pl.when(pl.col("turned")).then(back).otherwise(forth)
