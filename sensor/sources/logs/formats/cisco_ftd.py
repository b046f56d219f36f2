r"""Cisco Firepower (Secure Firewall Threat Defense) connection events: `%FTD-1-430003: Key: value, …`.

    430002 begin, 430003 end of a connection (SrcIP, DstIP, URL, User, InitiatorBytes sent, ResponderBytes
    received …); 430001, 430004, 430005 intrusion, file and malware events of such a connection

A value may contain commas (`UserAgent`); the next key begins with a capital and ends in a colon. The URL
of TLS is `https://host`. Both events of a connection are one session; where device, instance and
connection id are not logged (before 6.5), its 5-tuple tells. Also eStreamer CEF, whose `bytesOut` are
the initiator's, its key=value as Splunk gets it (`rec_type=71`), and a management centre's `SFIMS:`
messages, those of version 5 too: `SFIMS: [engine (id)][policy] Connection Type: End, User: Unknown, …,
{TCP} 10.1.2.3:50000 -> 192.0.2.7:443`. Also JSON of these keys, and the centre's tables (`First Packet`,
`Initiator IP` …).
Source: Cisco, "Security Event Syslog Messages"; "eStreamer eNcore for Splunk", CEF mapping.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, keyvalue, layouts, objects, pairs
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_RECORD, _UNIT = "\x1e", "\x1f"
_FIELDS = {
    "first": "FirstPacketSecond",
    "device": "DeviceUUID",
    "instance": "InstanceID",
    "connection": "ConnectionID",
    "action": "AccessControlRuleAction|Firewall Rule Action|InlineResult|SSLActualAction",
    "client": "SrcIP|InitiatorIP|OriginalClientSrcIP",
    "client_port": "SrcPort|InitiatorPort|OriginalClientSrcPort",
    "server": "DstIP|ResponderIP",
    "port": "DstPort|ResponderPort",
    "proto": "Protocol",
    "user": "User|UserName",
    "agent": "UserAgent",
    "url": "URL|URI",
    "referenced": "ReferencedHost",
    "sni": "SSLServerName|TLSServerName|SSLServerCertStatus_Name",
    "query": "DNSQuery",
    "qtype": "DNSRecordType",
    "rcode": "DNSResponseType",
    "up": "InitiatorBytes|Initiator Bytes",
    "down": "ResponderBytes|Responder Bytes",
    "packets_up": "InitiatorPackets|Initiator Packets",
    "packets_down": "ResponderPackets|Responder Packets",
    "duration": "ConnectionDuration",
    "status": "HTTPResponse",
    "method": "HTTPMethod|HTTP_Method",
    "mac": "SrcMAC|EndpointMAC",
    "connect": "ConnectType|Connection Type",
}
_CEF = {
    "first": "start|rt", "connection": "externalId", "action": "act", "client": "src|c6a2",
    "client_port": "spt", "server": "dst|c6a3", "up": "bytesOut", "down": "bytesIn",
    "port": "dpt", "proto": "proto", "user": "suser|duser", "agent": "requestClientApplication",
    "url": "request|Request",
    "query": "destinationDnsDomain", "device": "deviceExternalId",
}  # fmt: skip
#: What eStreamer's client for Splunk calls them.
_ENCORE = {
    "first": "first_pkt_sec", "device": "sensor", "instance": "instance_id", "connection": "connection_id",
    "action": "fw_rule_action", "client": "src_ip", "client_port": "src_port", "server": "dest_ip",
    "port": "dest_port", "proto": "ip_proto", "user": "user", "agent": "user_agent", "url": "url",
    "referenced": "referenced_host", "sni": "ssl_server_name", "query": "dns_query", "up": "src_bytes",
    "down": "dest_bytes", "packets_up": "src_pkts", "packets_down": "dest_pkts", "status": "http_response",
}  # fmt: skip
#: Titles of the management centre's tables.
_TITLES = {
    "first": "First Packet", "last": "Last Packet", "action": "Action", "client": "Initiator IP",
    "client_port": "Source Port / ICMP Type", "server": "Responder IP",
    "port": "Destination Port / ICMP Code", "user": "Initiator User", "query": "DNS Query",
    "qtype": "DNS Record Type", "rcode": "DNS Response", "referenced": "Referenced Host",
    "up": "Initiator Bytes", "down": "Responder Bytes", "packets_up": "Initiator Packets",
    "packets_down": "Responder Packets",
}  # fmt: skip
_IS_OBJECT = r"^\s*\{"
#: Types of questions in the words of IANA's registry, and answers.
_TYPES = {
    "a host address": "A", "ip6 address": "AAAA", "the canonical name for an alias": "CNAME",
    "a domain name pointer": "PTR", "mail exchange": "MX", "text strings": "TXT",
    "an authoritative name server": "NS", "marks the start of a zone of authority": "SOA",
    "server selection": "SRV", "naming authority pointer": "NAPTR",
}  # fmt: skip
_REFUSED = "(?i)non-existent domain|nxdomain|query refused"
_ID = r"%?\b(?:ASA|FTD|NGIPS)-(?:[a-z]+-)?\d-(43000[1-5]):?"
_BARE = r"(?:^|, )(?:SrcIP|DstIP|AccessControlRuleAction): \S+.*, (?:SrcIP|DstIP|SrcPort|DstPort|ACPolicy): "
#: The ends of a connection in version 5's words.
_ENDS = r",? \{(\w+)\} \[?([0-9A-Fa-f.:]+?)\]?(?::(\d+))? -> \[?([0-9A-Fa-f.:]+?)\]?(?::(\d+))?\s*$"
_WORDS = rf"Connection Type: (?:Start|End), .*{_ENDS}"
_ENCORES = r"(?:^|\s)rec_type=\d+ (?:.*\s)?rec_type_simple="
_NOTHING = ("", "Unknown", "N/A", "(null)")


class CiscoFtdFormat(LogFormat):
    """Reads Firepower connection events."""

    name = "cisco-ftd"
    help = (
        "Cisco FTD / Firepower / Secure Firewall 6.3 to 7: connection events 430002, 430003; eStreamer CEF "
        "and key=value"
    )
    vantage = "firewall"
    is_on_site = True
    counts_headers = "frame"
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Log at the end of connections: events of the beginning carry no volumes."
    marks = (
        "-43000", "srcip: ", "dstip: ", "srcport: ", "dstport: ", "acpolicy: ", "connection type: ",
        "rec_type_simple=", "|cisco|", '"accesscontrolruleaction"', '"initiator ip"',
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(f"{_ID}|{_BARE}|{_WORDS}|{_ENCORES}")
        | cef.claims("Cisco", "(?:Firepower|FTD|Secure Firewall)")
        | (objects.having("AccessControlRuleAction") & objects.having_any("SrcIP", "InitiatorIP"))
        | objects.having("First Packet", "Initiator IP", "Responder IP")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection event: kind flow, http, tls or dns."""
        return layouts.read(
            lines,
            [
                (_IS_OBJECT, _from_objects),
                (r"CEF:|^\s*0\|", _from_cef),
                (_ENCORES, _from_encore),
                (pl.lit(True), _events),
            ],
        )


def _events(lines: pl.DataFrame) -> pl.DataFrame:
    number = lines["line"].str.extract(_ID)
    text = lines["line"].str.replace(rf"^.*?{_ID}\s*", "")
    text = text.str.replace(r"^.*?(Connection Type: )", "$1")
    text = text.str.replace(_ENDS, ", Protocol: $1, SrcIP: $2, SrcPort: $3, DstIP: $4, DstPort: $5")
    marked = text.str.replace_all(r"(?:^|, ?)([A-Z]\w*(?:[ _]\w+){0,2}): ?", f"{_RECORD}$1{_UNIT}")
    tokens = pairs.numbered(marked.str.split(_RECORD))
    halves = tokens["token"].str.splitn(_UNIT, 2).struct.rename_fields(["key", "value"]).struct.unnest()
    halves = halves.with_columns(tokens["row"]).filter(~pl.col("value").str.strip_chars(" ,").is_in(_NOTHING))
    read = pairs.columns(halves, len(text), _FIELDS)
    # A management centre's own messages (`SFIMS:`) have no number; they say what they tell of.
    told = read["connect"].replace_strict({"Start": "430002", "End": "430003"}, default=None)
    return _rows(read, number.zip_with(number.is_not_null(), told.cast(pl.String)))


def _from_objects(lines: pl.DataFrame) -> pl.DataFrame:
    """JSON, and tables: a port reads `443 (https) / tcp`, an account `Ada Lovelace (ACME\\ada, LDAP)`."""
    names = {name: "|".join(part[name] for part in (_FIELDS, _TITLES) if name in part) for name in _FIELDS}
    read = objects.read(lines["line"], {**names, "last": _TITLES["last"]})
    read = read.with_columns(
        client_port=pl.col("client_port").str.extract(r"^(\d+)"),
        port=pl.col("port").str.extract(r"^(\d+)"),
        proto=pl.coalesce("proto", pl.col("port").str.extract(r" / (\w+)$")),
        user=pl.coalesce(pl.col("user").str.extract(r" \(([^,)]+)"), "user"),
    )
    over = pl.coalesce("last", "duration", "down").is_not_null()
    number = read.select(one_of({"430003": over}, otherwise="430002")).to_series()
    return _rows(layouts.conformed(read, _FIELDS), number).with_columns(ended=read["last"])


def _from_cef(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _CEF)
    ended = read["name"].str.contains("(?i)connection (?:statistics|end)").fill_null(False)
    other = read["name"].str.contains("(?i)intrusion|file|malware|host|user|policy|audit").fill_null(False)
    number = pl.select(one_of({"430001": other & ~ended}, otherwise="430003")).to_series()
    return _rows(layouts.conformed(read.select(*_CEF), _FIELDS), number)


def _from_encore(lines: pl.DataFrame) -> pl.DataFrame:
    """A record that names no last packet tells of a connection's beginning."""
    read = keyvalue.read(lines["line"], _ENCORE | {"type": "rec_type", "last": "last_pkt_sec"})
    first, last = (pl.col(name).cast(pl.Int64, strict=False) for name in ("first", "last"))
    read = read.with_columns(duration=pl.when(last >= first).then(last - first).cast(pl.String))
    number = read.select(
        one_of({"430001": pl.col("type") != "71", "430003": last > 0}, otherwise="430002")
    ).to_series()
    return _rows(layouts.conformed(read, _FIELDS), number)


def _rows(read: pl.DataFrame, number: pl.Series) -> pl.DataFrame:
    ended = pl.lit(number) == "430003"
    named = pl.coalesce("sni", "referenced")
    # A connection to what was looked up may name both.
    asked = pl.col("query").is_not_null() & named.is_null() & pl.col("url").is_null()
    # The host of a TLS connection comes as a URL without a path.
    tls_host = pl.col("url").str.extract(r"^https://([^/]+)/?$")
    bare = pl.when(pl.col("url").is_not_null()).then(tls_host.is_not_null())
    by_tuple = pl.concat_str(
        "client", "client_port", "server", "port", "proto", separator="|", ignore_nulls=True
    )
    by_id = pl.concat_str("device", "instance", "first", "connection", separator="|")
    action = one_of(
        {
            "blocked": pl.col("action").str.contains("(?i)block|drop")
            | (asked & pl.col("rcode").str.contains(_REFUSED)),
            "allowed": pl.col("action").str.contains("(?i)fastpath"),
        },
        otherwise=pl.col("action"),
    )
    return read.select(
        time="first",
        at_end=ended & pl.col("first").is_null(),
        duration_s="duration",
        kind=one_of(
            {"dns": asked, "flow": pl.col("url").is_null() & named.is_null(), "tls": bare.fill_null(True)},
            otherwise="http",
        ),
        client="client",
        client_port="client_port",
        client_mac="mac",
        user_name=pl.when(~pl.col("user").is_in(["Not Found", "Unknown", "No Authentication Required"])).then(
            "user"
        ),
        host=pl.when(asked)
        .then("query")
        .when(bare.fill_null(True))
        .then(pl.coalesce("sni", tls_host, "referenced")),
        qtype=pl.col("qtype").str.to_lowercase().replace(_TYPES),
        name_from=one_of({"url": ~asked & tls_host.is_null() & pl.col("sni").is_null()}),
        url=pl.when(~asked & ~bare).then("url"),
        method="method",
        status="status",
        user_agent="agent",
        server="server",
        server_port="port",
        transport="proto",
        bytes_up="up",
        bytes_down="down",
        packets_up="packets_up",
        packets_down="packets_down",
        action=action,
        session=pl.coalesce(by_id, by_tuple),
        phase=one_of({"end": ended}, otherwise="begin"),
        reason=one_of(
            {
                ALERT: pl.lit(number).is_in(["430001", "430004", "430005"]),
                NO_PORTS: ~has_ports(pl.col("proto")) & ~asked,
            }
        ),
    )
