"""Elastic Common Schema: events of any product that went through Beats, Elastic Agent or Logstash.

Keys may be nested or dotted, values may be lists (the first counts), a hit may wrap the event in
`_source`. An `event.original` that a product's own format claims is read by that instead. Volume is
`source.bytes` (or `client.bytes`, `http.request.bytes`) up and `destination.bytes` down; `network.bytes`
is their sum and of no use. What Packetbeat (`flow.final`), FortiGate and Check Point tell of a connection
while it lasts is cumulative, and is joined; NetFlow, which has a `flow.id`, too, tells parts. OPNsense has
Squid write such events itself, with milliseconds for a duration and the result code as a label. `host.*` is
the machine the agent runs on, which is the client only for endpoint data (`event.module`): read only of
that. Source: Elastic Common Schema reference 8; Packetbeat, "Flow Event fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.session_end import cut_off
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.words import one_of

_FIELDS: dict[str, tuple[str, ...]] = {
    "start": ("event.start",),
    "stamp": ("@timestamp",),
    "end": ("event.end",),
    "lasted": ("event.duration",),
    "did": ("event.action",),
    "types": ("event.type",),
    "dns_type": ("dns.type",),
    "outcome": ("event.outcome",),
    "client": ("client.ip", "source.ip", "client.address", "source.address"),
    "client_port": ("client.port", "source.port"),
    "client_mac": ("client.mac", "source.mac"),
    "device": ("client.domain", "source.domain", "source.hostname"),
    "machine": ("host.hostname", "host.name"),
    "module": ("event.module", "event.dataset", "data_stream.dataset"),
    "way": ("network.direction",),
    "account": (
        "user.email", "client.user.email", "source.user.email", "user.name", "client.user.name",
        "source.user.name",
        "user.full_name",
    ),
    # Gatewatcher tells the question with the answers.
    "question": ("dns.question.name", "dns.answers.name"),
    "question_type": ("dns.question.type", "dns.answers.type"),
    "rcode": ("dns.response_code",),
    "answers": ("dns.resolved_ip",),
    "sni": ("tls.client.server_name", "quic.sni"),
    "domain": ("url.domain", "destination.domain", "server.domain"),
    "url": ("url.full", "url.original"),
    "path": ("url.path",),
    "method": ("http.request.method",),
    "status": ("http.response.status_code", "http.response.body.status_code", "http.response.status"),
    "squid": ("labels.request_status",),
    "agent": ("user_agent.original",),
    "ja4": ("tls.client.ja4",),
    "server": ("destination.ip", "server.ip"),
    "server_port": ("destination.port", "server.port", "url.port"),
    "transport": ("network.transport", "network.iana_number"),
    "up": ("client.bytes", "source.bytes", "http.request.bytes"),
    "down": ("server.bytes", "destination.bytes", "http.response.bytes"),
    "packets_up": ("source.packets", "client.packets"),
    "packets_down": ("destination.packets", "server.packets"),
    "flow": ("flow.id",),
    "final": ("flow.final",),
    "forti": ("fortinet.firewall.sessionid",),
    "ended_by": ("panw.panos.endreason",),
    "id": ("event.id",),
    "unit": ("observer.serial_number", "agent.id"),
}  # fmt: skip
_WANTED = {name: "|".join(paths) for name, paths in _FIELDS.items()}
_ECS = ("ecs", "ecs.version", "event.dataset", "event", "event.kind", "data_stream", "data_stream.dataset",
        "event.action", "event.category", "network.transport")  # fmt: skip
_ENDPOINTS = (
    *("client", "destination", "server", "url", "dns", "source.ip", "client.ip", "url.full"),
    *("url.original", "url.domain", "dns.question.name", "destination.domain"),
)
#: `log.source` is the sender of a line that nothing has taken apart yet.
_SENDER = r'"source"\s*:\s*\{\s*"address"\s*:\s*"[^"]*"\s*\}'
_HAS_SOURCE = pl.col("line").str.replace(_SENDER, "").str.contains('"source"', literal=True)
#: Agents that see what their own machine does.
_ON_ENDPOINTS = (
    r"^(?:endpoint|crowdstrike|sentinel_?one|m365_defender|microsoft_defender_endpoint|carbon_?black|cybereason|"
    r"sysmon|windows\.sysmon|jamf|osquery|auditd|auditbeat|system\.socket)"
)
#: Layers 3 and below, by name and number.
_NOT_OURS = ("icmp", "ipv6-icmp", "icmpv6", "igmp", "esp", "gre", "1", "2", "47", "50", "58")


class EcsFormat(LogFormat):
    """Reads ECS events."""

    name = "ecs"
    help = "Elastic Common Schema 1 to 9, nested or dotted, also Elasticsearch hits (NDJSON)"
    vantage = "proxy"
    generic = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint")
    advice = "Keep `event.original`: the product's own line says more than what its pipeline kept of it."
    marks = ('"@timestamp"', '"_source"')
    claims = (
        (objects.having("@timestamp") & (objects.having_any(*_ENDPOINTS) | _HAS_SOURCE))
        | objects.having("_source")
    ) & objects.having_any(*_ECS)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(_events(lines["line"]), _WANTED)
        # A list of one or more stands as its JSON text: the first of it counts.
        single = pl.col(set(_WANTED) - {"types", "answers"})
        read = read.with_columns(
            pl.when(single.str.starts_with("["))
            .then(single.str.extract(r'^\[\s*"?([^",\]]*)'))
            .otherwise(single)
        )
        # Some pipelines keep the direction of the packet: there an answer's source is the resolver.
        turned = (pl.col("client_port") == "53") & (pl.col("server_port") != "53")
        read = _turned(read, read.select(turned.fill_null(False)).to_series())
        web = pl.col("method").is_not_null() | pl.col("url").is_not_null()
        told = read.with_columns(is_dns=pl.col("question").is_not_null(), is_web=web)
        rows = told.select(**_when(), **_who(), **_what(), **_volume(), action=_action(), reason=_reason())
        return lookups.paired(rows, ("client", "client_port", "host", "qtype"))


def _events(lines: pl.Series) -> pl.Series:
    """The events inside search hits (`{"_index": …, "_source": {…}}`); others as they are."""
    if not lines.str.contains('"_source"', literal=True).any():
        return lines
    inside = objects.read(lines, ["_source"])["_source"]
    return either(inside, lines)


def _when() -> dict[str, pl.Expr]:
    lasted = pl.col("lasted").cast(pl.Float64, strict=False)
    unit = pl.when(pl.col("squid").is_not_null()).then(1_000).otherwise(1_000_000_000)
    flow = pl.col("final").is_not_null()
    return {
        # What a flow has sent since it was last told of, it sent until now.
        "time": pl.when(flow).then(pl.coalesce("end", "stamp")).otherwise(pl.coalesce("start", "stamp")),
        "duration_s": pl.when(~flow).then(lasted / unit),
        "at_end": pl.col("squid").is_not_null(),
    }


def _who() -> dict[str, pl.Expr]:
    own = pl.col("module").str.contains(_ON_ENDPOINTS) & ~pl.col("way").is_in(
        ["ingress", "inbound"]
    ).fill_null(False)
    return {name: pl.col(name) for name in ("client", "client_port", "client_mac")} | {
        "device": pl.coalesce("device", pl.when(own).then("machine")),
        "user_name": pl.col("account"),
        "server": pl.col("server"),
        "server_port": pl.col("server_port"),
        "transport": pl.col("transport"),
    }


def _what() -> dict[str, pl.Expr]:
    dns, web = pl.col("is_dns"), pl.col("is_web")
    by_domain = ~dns & pl.col("sni").is_null() & pl.col("domain").is_not_null()
    return {
        "kind": one_of(
            {
                "dns": dns,
                "proxy": pl.col("squid").is_not_null(),
                "http": web,
                "tls": pl.col("sni").is_not_null(),
            },
            otherwise="flow",
        ),
        "host": pl.coalesce("question", "sni", "domain"),
        "name_from": one_of({"url": by_domain & web, "dns_answer": by_domain}),
        "url": pl.when(~dns).then("url"),
        "path": pl.when(~dns).then("path"),
        "method": pl.col("method"),
        "status": pl.col("status"),
        "user_agent": pl.col("agent"),
        "ja4": pl.col("ja4"),
        "answers": pl.col("answers").str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+"),
        "answer": pl.col("dns_type").is_in(["answer", "response"]).fill_null(False),
        "qtype": pl.col("question_type"),
    }


def _volume() -> dict[str, pl.Expr]:
    """Sizes of a lookup's messages are no traffic to the service."""
    sizes = {
        "bytes_up": "up",
        "bytes_down": "down",
        "packets_up": "packets_up",
        "packets_down": "packets_down",
    }
    checkpoint = pl.when(pl.col("module").str.starts_with("checkpoint")).then("id")
    flow = pl.when(pl.col("final").is_not_null()).then(pl.concat_str("flow", "start", separator="|"))
    told = pl.coalesce(flow, pl.concat_str("forti", "client", "client_port", separator="|"), checkpoint)
    session = pl.concat_str(pl.col("unit").fill_null(""), told, separator="|")
    return {ours: pl.when(~pl.col("is_dns")).then(theirs) for ours, theirs in sizes.items()} | {
        "session": pl.when(~pl.col("is_dns")).then(session),
        "phase": one_of({"end": pl.col("final") == "true"}, otherwise="update"),
    }


def _turned(read: pl.DataFrame, turned: pl.Series) -> pl.DataFrame:
    """`read` with client and server exchanged where `turned`."""
    pairs = (
        ("client", "server"),
        ("client_port", "server_port"),
        ("up", "down"),
        ("packets_up", "packets_down"),
    )
    both = [pair for one, other in pairs for pair in ((one, other), (other, one))]
    return read.with_columns(pl.when(turned).then(there).otherwise(here).alias(here) for here, there in both)


def _action() -> pl.Expr:
    types = pl.col("types").fill_null("")
    did = pl.col("did").str.to_lowercase()
    refused = (
        pl.coalesce("squid", pl.lit("")).str.contains("DENIED")
        | types.str.contains("denied")
        | did.str.contains("block|den[iy]|drop|reject|prevent|quarantin")
        | cut_off(pl.col("ended_by"), pl.col("up")).fill_null(False)
    )
    passed = (
        types.str.contains("allowed|connection")
        | (pl.col("outcome") == "success")
        | pl.col("squid").str.contains("^TCP_|^NONE_NONE$")
        | did.str.contains("allow|pass|permit|accept")
        | (pl.col("is_web") & pl.col("status").str.contains(r"^[23]\d\d$"))
    )
    answered = lookups.verdict(pl.col("rcode"))
    return one_of(
        {"blocked": refused},
        otherwise=pl.coalesce(answered, one_of({"allowed": passed}, otherwise="unknown")),
    )


def _reason() -> pl.Expr:
    nowhere = pl.all_horizontal(
        pl.col(name).is_null() for name in ("question", "sni", "domain", "url", "server")
    )
    return one_of(
        {NO_CONNECTION: nowhere, NO_PORTS: pl.col("transport").str.to_lowercase().is_in(_NOT_OURS)},
    )
