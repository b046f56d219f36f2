"""Cisco Umbrella and Secure Access exports (CSV): DNS, web (proxy), cloud firewall and IP logs.

Without a header line the kind is told by the fields themselves; the number of columns has grown with
the versions (web: 21, 23, 25, 26, 32, 35, 49), so fields are taken by position as far as they go.
Newer exports have a header line: then by name. Every field may be quoted, with a space after the comma.

    DNS       time, identity, identities, internal IP, external IP, action, `1 (A)`, code, domain.,
              categories, [policy identity type, identity types, blocked categories …]
    web       time, identity, internal IP, external IP, destination IP, content type, action, URL,
              referrer, agent, status, request bytes, response bytes, … policy identity type (22) …
              identities, types (24, 25), method
    firewall  time, [origin], identities, types, direction, protocol, packet size, source, port,
              destination, port, data centre, rule, verdict[, FQDNs, lists, first packet, last packet,
              packets sent, packets received, bytes sent, bytes received …]
    IP        time, identity, source, port, destination, port, categories, identity type

The client is the internal address, else the external. An identity is a user, a device or a network:
its type tells. A firewall line's packet size is that of one packet, no volume; from version 9 a line
counts a connection. Source: Umbrella and Secure Access documentation, "Log formats and versioning".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, layouts, lookups, objects
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import UNREADABLE
from sensor.sources.logs.text.words import one_of

_STAMP = r'^\s*"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"?\s*,'
_DNS = (
    _STAMP
    + r'.*,\s*"?(?:Allowed|Blocked|Proxied|Warned)"?\s*,\s*"?(?:\d+ \([A-Za-z0-9-]+\)|Other|[A-Z]{1,10})'
    r'"?\s*,\s*"?[A-Z]*"?\s*,'
)
_WEB = (
    _STAMP + r'.*,\s*"?(?i:allowed|blocked|warned|isolated|proxied)"?\s*,\s*"?'
    r"(?:[a-z]{2,6}://|[\w.\x{80}-\x{10FFFF}-]+\.[a-z]{2,}[:/])"
)
_FIREWALL = (
    _STAMP + r'.*,\s*"?(?i:outbound|inbound|bidirectional|tcp|internet)"?\s*,\s*"?\d{0,3}"?\s*,\s*"?\d*"?\s*,'
    r'\s*"?[0-9a-fA-F.:]+"?\s*,'
)
_IP = _STAMP + r'[^,]+,\s*"?[0-9a-fA-F.:]+"?\s*,\s*"?\d+"?\s*,\s*"?[0-9a-fA-F.:]+"?\s*,\s*"?\d+"?\s*,'
_HEADER = (
    r'(?i)^\x{FEFF}?"?(?:timestamp|date(?:"?\s*,\s*"?time)?|request time)'
    r'"?\s*,\s*"?(?:most granular identity|policy '
    r"identity|identity|identities|"
    r"origin ?ids?|\[?origin id\]?|granular identity|identity type|action)"
)

_DNS_COLUMNS = (
    "time",
    "identity",
    "identities",
    "internal",
    "external",
    "action",
    "type",
    "rcode",
    "host",
    "",
    "policy_type",
    "types",
)
_WEB_COLUMNS = (
    *(
        "time",
        "identity",
        "internal",
        "external",
        "server",
        "",
        "action",
        "url",
        "",
        "agent",
        "status",
        "up",
        "down",
    ),
    *("", "", "", "", "", "", "", "", "policy_type", "", "identities", "types", "method"),
    *(("",) * 17),
    "sni",
)
_FIREWALL_COLUMNS = (
    *(
        "time",
        "",
        "identity",
        "types",
        "direction",
        "protocol",
        "",
        "internal",
        "port",
        "server",
        "server_port",
    ),
    *("", "", "action", "fqdns", "", "first", "last", "packets_up", "packets_down", "up", "down"),
)
_IP_COLUMNS = ("time", "identity", "internal", "port", "server", "server_port", "", "policy_type")
#: Columns of exports with a header line.
_HEADED: dict[str, str] = {
    "time": "timestamp|date|request time|datetime",
    "clock": "time",
    "identity": "most granular identity|policy identity|policy identity label|identity|identities",
    "identities": "identities",
    "internal": "internal ip|internal client ip|internal ip address|source ip|private ip|internalip",
    "external": "external ip|external client ip|external ip address|externalip",
    "action": "action|verdict|action taken",
    "type": "query type|record type|dns query type|querytype",
    "rcode": "response code|rcode|responsecode",
    "host": "domain|destination domain|destination",
    "policy_type": "policy identity type|most granular identity type|identity type",
    "types": "identity types|identity type labels|identity type",
    "server": "destination ip|destination ip address",
    "server_port": "destination port",
    "port": "source port",
    "protocol": "protocol",
    "url": "url|destination url",
    "agent": "user agent|useragent",
    "status": "status code|http status|statuscode",
    "up": "request size|request size (bytes)|request size(bytes)|bytes sent",
    "down": "response size|response size (bytes)|response size(bytes)|bytes received",
    "packets_up": "packets sent",
    "packets_down": "packets received",
    "first": "first packet timestamp",
    "last": "last packet timestamp",
    "method": "request method|http method|method",
    "sni": "server name|sni",
    "fqdns": "fqdns|fqdn",
}
_NAMES = (*_HEADED, "direction")
#: What the firewall's log has since version 9.
_COUNTED = ("first", "last", "packets_up", "packets_down")
#: The reporting API's objects and those of collectors, and where they say who it was.
_OBJECT = {
    "time": "timestamp|Timestamp", "internal": "internalip|internalIp|InternalIp|Internal IP",
    "external": "externalip|externalIp|ExternalIp|External IP", "action": "verdict|action|Action|Verdict",
    "type": "querytype|queryType|QueryType", "policy": "policyIdentity|Policy Identity",
    "policy_type": "policyIdentityType|Policy Identity Type", "host": "domain|Domain",
    "server": "destinationip|Destination IP", "server_port": "destinationport", "port": "sourceport",
    "url": "url|URL", "agent": "useragent|userAgent", "status": "statuscode|statusCode",
    "up": "requestsize|requestSize", "down": "responsesize|responseSize",
    "method": "requestmethod|Request Method", "log": "type|EventType",
    "rcode": "returncode|responseCode|ResponseCode",
}  # fmt: skip
_OBJECT_KEYS = ("internalip", "externalip", "identities", "verdict")
#: The DNS export as objects (Panther; QRadar and Sentinel, who write its web log so as well).
_EXPORT_KEYS = ("internalIp", "externalIp", "action", "responseCode", "domain")
_EXPORTED_DNS = ("InternalIp", "ExternalIp", "Action", "ResponseCode", "Domain")
_EXPORTED_WEB = ("Internal IP", "External IP", "Verdict", "URL", "responseSize")
_CEF = {
    "time": "end|rt|start", "internal": "src", "external": "sourceTranslatedAddress", "action": "act",
    "host": "dhost|request", "url": "request", "server": "dst", "user": "suser", "device": "shost",
}  # fmt: skip
_LABELS, _LABEL_TYPES = "identities[].label", "identities[].type.type"
_USERS = r"(?i)user|saml"
_DEVICES = r"(?i)roaming|anyconnect|secure client|ad computer|mobile device|chromebook|endpoint|\bdevices?\b"


class UmbrellaFormat(LogFormat):
    """Reads Cisco Umbrella's logs."""

    name = "umbrella"
    help = "Cisco Umbrella, Secure Access exports (CSV v1 to v10): DNS, web, cloud firewall, IP"
    vantage = "proxy"
    usual_zone = "UTC"
    counts_headers = "ip"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "DNS logs prove interest, not use. Paths of HTTPS need decryption in the web policy; users need "
        "the AD connector "
        "or SAML."
    )
    header = _HEADER
    claims = pl.col("line").str.contains(ascii_only(f"{_DNS}|{_WEB}|{_FIREWALL}|{_IP}"))
    claims = (
        claims
        | objects.having(*_OBJECT_KEYS)
        | objects.having(*_EXPORT_KEYS)
        | objects.having(*_EXPORTED_DNS)
        | objects.having(*_EXPORTED_WEB)
        | cef.claims("Cisco", "Umbrella")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        return layouts.read(
            lines, [(r"^\s*\{", _objects), (r"CEF:", _conformed), (pl.lit(True), self._columns)]
        )

    def _columns(self, lines: pl.DataFrame) -> pl.DataFrame:
        line = lines["line"].str.replace_all(r',\s+"', ',"').str.strip_chars(" ")
        headed = lines["header"].is_not_null()
        kinds = {"web": _WEB, "dns": _DNS, "firewall": _FIREWALL, "ip": _IP}
        kind = pl.select(
            one_of({name: line.str.contains(pattern) for name, pattern in kinds.items()})
        ).to_series()
        read = _positional(line, kind)
        if headed.any():
            named = commas.read_headed(pl.DataFrame({"line": line, "header": lines["header"]}), _HEADED)
            read = pl.DataFrame(
                [_of(read, name).zip_with(~headed, _of(named, name)).rename(name) for name in _NAMES]
            )
            kind = kind.zip_with(~headed, _kind(named))
            read = read.with_columns(time=pl.concat_str("time", "clock", separator=" ", ignore_nulls=True))
        people = _identities(read)
        return _fields(read.with_columns(kind.alias("log")).hstack(people))


def _conformed(lines: pl.DataFrame) -> pl.DataFrame:
    """What scripts make of the reporting API for a SIEM: a lookup, its verdict maybe in the head alone."""
    read = cef.read(lines["line"], _CEF)
    head = pl.concat_str("event", "name", separator=" ").str.extract(r"(?i)\b(allowed|blocked|proxied)\b")
    url = pl.col("url").str.contains("://")
    return _fields(
        layouts.conformed(read, (*_NAMES, "user", "device")).with_columns(
            log=one_of({"web": url}, otherwise="dns"),
            action=pl.coalesce("action", pl.lit(read.select(head).to_series())),
            type=pl.lit(None, dtype=pl.String),
        )
    )


def _objects(lines: pl.DataFrame) -> pl.DataFrame:
    """The reporting API's answers, whose identities are objects with a type each, and the DNS export's."""
    read = objects.read(lines["line"], _OBJECT, lists=[_LABELS, _LABEL_TYPES])
    kinds = {"dns": "dns", "proxy": "web", "firewall": "firewall", "ip": "ip"}

    def first(pattern: str) -> pl.Expr:
        hits = pl.col(_LABEL_TYPES).list.eval(pl.element().str.contains(pattern))
        return pl.when(hits.list.any()).then(pl.col(_LABELS).list.get(hits.list.arg_max(), null_on_oob=True))

    nothing = pl.lit(None, dtype=pl.String)
    line = lines["line"]
    dns = line.str.contains_any([f'"{keys[0]}"' for keys in (_EXPORT_KEYS, _EXPORTED_DNS)])
    web = line.str.contains_any([f'"{_EXPORTED_WEB[0]}"'])
    is_user = pl.col("policy_type").str.contains(_USERS)
    is_device = pl.col("policy_type").str.contains(_DEVICES) & ~is_user
    return _fields(
        read.with_columns(
            log=one_of(
                {"dns": dns, "web": web},
                otherwise=pl.col("log").replace_strict(kinds, default=None, return_dtype=pl.String),
            ),
            type=pl.format("({})", pl.col("type").str.extract(r"(\w+)\)?$")),
            user=pl.coalesce(_account(first(_USERS)), _account(pl.when(is_user).then("policy"))),
            device=pl.coalesce(first(_DEVICES), pl.when(is_device).then("policy")),
            **dict.fromkeys(("protocol", "fqdns", *_COUNTED), nothing),
        )
    )


def _of(frame: pl.DataFrame, name: str) -> pl.Series:
    nothing = pl.Series(name, [None] * frame.height, dtype=pl.String)
    return frame[name] if name in frame.columns else nothing


def _positional(line: pl.Series, kind: pl.Series) -> pl.DataFrame:
    """Fields by the place they have in each kind of log; NULL elsewhere."""
    columns = {"web": _WEB_COLUMNS, "dns": _DNS_COLUMNS, "firewall": _FIREWALL_COLUMNS, "ip": _IP_COLUMNS}
    whole = pl.DataFrame({"line": line, "kind": kind}).with_row_index("row")
    parts = []
    for (name,), part in whole.group_by("kind", maintain_order=True):
        found = commas.read(part["line"], columns.get(str(name), ()))
        parts.append(
            part.select("row").with_columns(
                _of(found, n) if found.height else pl.lit(None, dtype=pl.String).alias(n) for n in _NAMES
            )
        )
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(_NAMES, pl.String))
    return pl.concat(parts).sort("row").drop("row")


def _kind(named: pl.DataFrame) -> pl.Series:
    return named.select(
        kind=one_of(
            {
                "web": pl.col("url").is_not_null(),
                "dns": pl.col("host").is_not_null(),
                "firewall": pl.col("server").is_not_null(),
            }
        )
    )["kind"]


def _identities(read: pl.DataFrame) -> pl.DataFrame:
    """`user` and `device` out of the identities, whose types stand in a list of their own, in the same order.

    Names may hold commas; only the first identity is known for itself, the others follow it. Where nothing
    but the list is logged, the first is known if there are as many types as parts.
    """
    types = pl.col("types").str.split(",").list.eval(pl.element().str.strip_chars())
    parts = pl.col("identity").str.split(",")
    is_list = (types.list.len() > 1) & (parts.list.len() == types.list.len())
    is_list &= (pl.col("identities") == pl.col("identity")).fill_null(True)
    first = pl.when(is_list).then(parts.list.first()).otherwise("identity")
    rest = pl.coalesce("identities", "identity").str.replace_all("\n", " ", literal=True)
    after = rest.str.slice(first.str.len_chars() + 1)
    others = pl.when(rest.str.starts_with(first)).then(after.str.split(","))
    policy = pl.col("policy_type")
    lead: pl.Expr = pl.when(policy.str.contains(f"{_USERS}|{_DEVICES}|(?i)network|site|tunnel")).then(policy)
    lead = pl.coalesce(lead, types.list.first())

    def among(pattern: str) -> pl.Expr:
        hits = types.list.slice(1).list.eval(pl.element().str.contains(pattern))
        return pl.when(hits.list.any()).then(others.list.get(hits.list.arg_max(), null_on_oob=True))

    # The first versions tell no types: only an account has a domain or an address.
    account = (lead.fill_null("") == "") & first.str.contains(r"^[^\\]+\\[^\\]+$|\([^()\s]+@[^()\s]+\)\s*$")
    user = pl.when(account | lead.str.contains(_USERS)).then(first).otherwise(among(_USERS))
    device = (
        pl.when(lead.str.contains(_DEVICES) & ~lead.str.contains(_USERS))
        .then(first)
        .otherwise(among(_DEVICES))
    )
    return read.select(
        user=_account(user).str.strip_chars(),
        device=device.str.strip_chars(),
    )


def _account(user: pl.Expr) -> pl.Expr:
    """`Jane Roe (jane@example.org)` by its address."""
    return pl.coalesce(user.str.extract(r"\(([^()\s]+@[^()\s]+)\)\s*$"), user)


def _fields(read: pl.DataFrame) -> pl.DataFrame:
    log, web = pl.col("log"), pl.col("log") == "web"
    single = pl.when(~pl.col("fqdns").str.contains(",")).then("fqdns")
    counted = web | (log == "firewall")
    connection = pl.concat_str("internal", "port", "server", "server_port", "first", separator="|")
    nowhere = (log == "dns") & (lookups.verdict(pl.col("rcode")) == "blocked")
    return read.select(
        "packets_up",
        "packets_down",
        "device",
        "status",
        "method",
        "server",
        "server_port",
        kind=log.replace_strict(
            {"web": "http", "dns": "dns", "firewall": "flow", "ip": "flow"}, default=None
        ),
        client=pl.coalesce("internal", "external"),
        client_port="port",
        user_name="user",
        url=pl.when(web).then("url"),
        host=pl.when(log == "dns").then("host").when(log == "firewall").then(single),
        name_from=one_of({"sni": log == "firewall"}),
        user_agent=pl.col("agent").str.strip_chars(),
        transport="protocol",
        time=pl.coalesce("first", "time"),
        ended="last",
        bytes_up=pl.when(counted).then("up"),
        bytes_down=pl.when(counted).then("down"),
        session=pl.when(log == "firewall").then(connection),
        phase=pl.lit("update"),
        action=one_of({"unknown": log == "ip", "blocked": nowhere}, otherwise=pl.col("action")),
        qtype=pl.col("type").str.extract(r"\((\w+)\)"),
        reason=one_of({UNREADABLE: log.is_null()}),
    )
