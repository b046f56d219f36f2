r"""Zscaler Internet Access, NSS and Cloud NSS feeds: web, firewall, dns; JSON, key=value, CEF, LEEF, CSV.

The feed's text is what the customer configured, so fields are found by name, in every spelling the
templates use. CSV names none: it is read where it is a default feed, whose order is that of the template.

    web       user, url (no scheme), requestsize sent, responsesize received; `cip` (ClientIP, cltip) is the
              client's own address where it is seen, `cintip` (clientpublicIP) the one it is translated to
    firewall  csip → cdip as the client aimed, sdip the server; `outbytes` sent, `inbytes` received;
              one line may stand for several sessions of 15 minutes (aggregate, numsessions)
    dns       clt_sip asks dns_req

Times carry no zone: the feed's setting decides; `tz` and `epochtime` are read where configured.
`e…` keys are hex-encoded (`%2C`), `b64…` base64, `o…` obfuscated. Source: Zscaler, "NSS Feed Output Format".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, keyvalue, layouts, lookups, objects
from sensor.sources.logs.text.reasons import NO_SERVICE, TUNNEL_ITSELF
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "type": "sourcetype",
    "epoch": "epochtime|event.epochtime",
    "time": "datetime|time|event.datetime|event.time|logtime|event.logtime|rt|devTime|Event Time|Logged Time",
    "tz": "tz|event.tz",
    "user": "login|user|elogin|suser|event.login|event.user|event.elogin|usrName|cloudusername|User",
    "location": "location|elocation|event.location|event.elocation|locationname|event.locationname|spriv|"
    "realm|Location",
    "device": "devicehostname|event.devicehostname|device_hostname|deviceHostname|Device Hostname",
    "device_name": "devicename|event.devicename|edevicename|event.edevicename",
    "client": "cltip|cip|event.cltip|event.cip|ClientIP|event.ClientIP|client_ip|src_ip|Client IP|src|srcip",
    "client_public": "cltintip|cintip|event.cltintip|event.cintip|clientpublicIP|event.clientpublicIP|"
    "sourceTranslatedAddress|srcPostNAT|Client External IP",
    "client_port": "cltsourceport|event.cltsourceport|csport|event.csport|spt|srcPort|clt_sport|"
    "event.clt_sport",
    "host": "ehost|host|hostname|event.ehost|event.host|event.hostname|dhost|domain",
    "url": "eurl|url|event.eurl|event.url|request|URL",
    "b64_url": "b64url|event.b64url",
    "b64_host": "b64host|event.b64host",
    "method": "reqmethod|requestmethod|event.reqmethod|event.requestmethod|requestMethod|method|"
    "Request Method",
    "status": "respcode|status|event.respcode|event.status|outcome|Response Code",
    "agent": "eua|ua|useragent|euseragent|event.eua|event.ua|event.useragent|requestClientApplication|"
    "userAgent|User Agent",
    "server": "sip|serverip|event.sip|event.serverip|dst|server_ip|Server IP",
    "up": "reqsize|requestsize|event.reqsize|event.requestsize|out|cn3|bytes_out|srcBytes|Sent Bytes",
    "down": "respsize|responsesize|event.respsize|event.responsesize|in|bytes_in|dstBytes|Received Bytes",
    "action": "action|event.action|act|Policy Action",
    "reason": "reason|event.reason",
    "tunnel_record": "Recordtype|event.Recordtype",
    "protocol": "proto|protocol|event.proto|event.protocol",
    "asked": "dns_req|event.dns_req|dnsreq|req|event.req|edns_req|event.edns_req|domainname",
    "asked_type": "dns_reqtype|event.dns_reqtype|reqtype|dnsreqtype",
    "asked_by": "clt_sip|event.clt_sip|cip_dns|clientip|event.clientip",
    "resolver": "srv_dip|event.srv_dip",
    "answer": "dns_resp|event.dns_resp|res|dnsresp|edns_resp|event.edns_resp",
    "request_action": "reqaction|event.reqaction|dnsreqaction",
    "response_action": "resaction|event.resaction|respaction|event.respaction",
    "flow_client": "csip|event.csip|clt_sip|event.clt_sip",
    "flow_server": "cdip|event.cdip|srv_dip|event.srv_dip",
    "flow_server_seen": "sdip|event.sdip",
    "flow_egress": "ssip|event.ssip",
    "flow_port": "cdport|event.cdport|srv_dport|event.srv_dport",
    "flow_port_seen": "sdport|event.sdport",
    "flow_up": "outbytes|event.outbytes",
    "flow_down": "inbytes|event.inbytes",
    "flow_fqdn": "cdfqdn|event.cdfqdn|sdfqdn",
    "flow_duration": "durationms|event.durationms",
    "flow_seconds": "duration|event.duration",
}
#: Firewall and DNS feeds in CEF, by the templates of Zscaler and of SIEM makers.
_CEF_FLOW = {
    "flow_client": "src", "flow_server": "dst", "flow_port": "dpt|dstPort", "flow_up": "out|srcBytes",
    "flow_down": "in|dstBytes", "protocol": "proto", "flow_duration": "cn:durationms|durationms",
}  # fmt: skip
_CEF_LOOKUP = {
    "asked": "cs:dns_req", "asked_type": "cs:dns_reqtype", "asked_by": "src", "resolver": "dst",
    "answer": "cs:dns_resp", "request_action": "cs:reqaction", "response_action": "cs:resaction",
}  # fmt: skip
_CEF_OWN = _CEF_FLOW | _CEF_LOOKUP | {"user": "duser"}
_WEB_CSV = (  # noqa: SIM905 - one name after the other, as the vendor documents them
    "time,user,protocol,url,action,app,appclass,up,down,stime,ctime,urlclass,urlsupercat,urlcat,"
    "malwarecat,threat,"
    "risk,dlpeng,dlpdict,location,dept,client,server,method,status,agent,referer,ruletype,rulelabel,"
    "contenttype,unscannable,device_owner,device"
).split(",")
_FIREWALL_CSV = (  # noqa: SIM905 - one name after the other, as the vendor documents them
    "time,user,dept,location,flow_port,client_port,flow_port_seen,egress_port,flow_client,flow_server,flow_egress,"
    "flow_server_seen,tunnel,tunnel_port,tunnel_type,action,dnat,stateful,aggregate,service,app,protocol,ip_category,"
    "country,average,rulelabel,flow_down,flow_up,flow_seconds,flow_duration"
).split(",")
_DNS_CSV = (  # noqa: SIM905 - one name after the other, as the vendor documents them
    "time,user,dept,location,request_action,response_action,request_rule,response_rule,asked_type,asked,answer,port,"
    "duration,asked_by,resolver,category,device_owner,device"
).split(",")
_KNOWN_SOURCE = r"zscalernss-|zscaler(?:_zia)?[-_](?:web|fw|dns|firewall)|\tRecordtype=.*\ttunneltype="
_OBJECT = r"^\s*\{"
_CEF = r"(?:CEF|LEEF):\s*\d"
_CSV_STAMP = r'^"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4}",'
_CSV = (
    _CSV_STAMP
    + r'"[^"]*","(?:HTTP|HTTPS|SSL|FTP|FTPOVERHTTP|HTTP_PROXY|TUNNEL\w*|DNSOVERHTTPS|\w+)","[^"]*",'
    r'"(?:Allowed|Blocked)"'
)
_CSV_ADDRESS = r'"[0-9a-fA-F.:]*"'
_CSV_FIREWALL = rf'{_CSV_STAMP}(?:"[^"]*",){{3}}(?:"?\d+"?,){{4}}(?:{_CSV_ADDRESS},){{5}}'
_CSV_DNS = (
    rf'{_CSV_STAMP}(?:"[^"]*",){{3}}"[^"]*(?i:allow|block|drop|redir)[^"]*",(?:"[^"]*",){{6}}"?\d+"?,"?\d+"?,'
    rf"{_CSV_ADDRESS},"
)
_PAIRS_WEB = (
    r'(?:^|[\t ])(?:reason|action|event_id)="?[^\t]*[\t ].*\b(?:ClientIP|clientpublicIP|'
    r"urlsupercategory|cltintip|urlsupercat|requestsize|reqsize)="
)
_PAIRS_FLOW = (
    r"\bcsip=\S* .*\bcdip=|\bcsip=[^\t]*\t.*\bcdip=|\bcdip=.*\bcsip=|\bclt_sip=.*\bdns_req|"
    r"\bdns_req=.*\bclt_sip="
)
#: What stands for nothing, an address of zeros included: another field may have one.
_NOTHING = ("NA", "N/A", "None", "Unknown", "NotAvailable", "", "0.0.0.0", "Other")
#: Addresses of private networks (RFC 1918, RFC 6598, RFC 4193).
_PRIVATE = (
    r"^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\."
    r"|[fF][cdCD][0-9a-fA-F]{2}:)"
)
#: The port where the URL has none.
_PORTS = {"HTTP": "80", "HTTPS": "443", "SSL": "443", "FTP": "21"}
_ADDRESSES = r"\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:]+"
#: What stands in accounts of an encoded field.
_ENCODED = {"%40": "@", "%5C": "\\", "%5c": "\\", "%20": " "}
#: And in user agents.
_AGENT_ENCODED = {"%20": " ", "%2C": ",", "%2c": ",", "%22": '"'}


class ZscalerFormat(LogFormat):
    """Reads Zscaler NSS feeds."""

    name = "zscaler"
    help = (
        "Zscaler ZIA NSS and Cloud NSS feeds: web, firewall, dns; JSON, tab key=value, CEF, LEEF, default CSV"
    )
    vantage = "proxy"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Configure the feed with eurl, ehost, login, cltintip, reqsize, respsize, epochtime and "
        "devicehostname: "
        "its plain times carry no zone."
    )
    marks = (
        "zscaler", '","', "clientip=", "clientpublicip", "urlsupercat", "cltintip", "requestsize=",
        "recordtype=", '"policy action"', "reqsize=", "csip", "cdip", "clt_sip", '"eurl"', '"b64url"',
        '"reqdatasize"',
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains("(?i)" + _KNOWN_SOURCE)
        # Private Access has a format of its own.
        | (cef.claims("Zscaler") & ~cef.claims("Zscaler", "ZPA"))
        | pl.col("line").str.contains("|".join((_CSV, _CSV_FIREWALL, _CSV_DNS, _PAIRS_WEB, _PAIRS_FLOW)))
        | (
            pl.col("line").str.contains(_OBJECT)
            & pl.col("line").str.contains(
                r'"(?:urlsupercat(?:egory)?|cltintip|eurl|b64url|csip|cdip|clt_sip|clientpublicIP|'
                r'reqdatasize)"\s*:'
            )
        )
        # The console's table of web transactions.
        | objects.having("Event Time", "Policy Action", "URL")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: kind proxy, flow or dns."""
        return layouts.read(
            lines,
            [
                (_OBJECT, lambda part: _rows(objects.read(part["line"], _FIELDS))),
                (_CEF, _from_cef),
                *(
                    (pattern, _columns(names))
                    for pattern, names in (
                        (_CSV_FIREWALL, _FIREWALL_CSV),
                        (_CSV_DNS, _DNS_CSV),
                        (r'^"', _WEB_CSV),
                    )
                ),
                (pl.lit(True), lambda part: _rows(_pairs(part))),
            ],
        )


def _from_cef(lines: pl.DataFrame) -> pl.DataFrame:
    """The verdict may stand in the head alone. Firewall and DNS feeds use the standard's keys.

    Zscaler has a LEEF template for web feeds only; others' go by its product, and a firewall's names no site.
    """
    is_leef = lines["line"].str.contains("LEEF:", literal=True)
    read = cef.read(
        lines["line"], _FIELDS | {"type": "cat"} | {f"cef_{name}": key for name, key in _CEF_OWN.items()}
    )
    is_flow, is_lookup = (
        pl.col("product").str.contains(word) for word in ("(?i)^NSSF(?:W|irewall)", "(?i)^NSSDNS")
    )
    is_flow |= pl.lit(is_leef) & pl.all_horizontal(pl.col("url", "host", "asked").is_null())
    read = read.with_columns(
        *(
            pl.coalesce(name, pl.when(feed).then(f"cef_{name}")).alias(name)
            for names, feed in ((_CEF_FLOW, is_flow), (_CEF_LOOKUP, is_lookup))
            for name in names
        ),
        user=pl.coalesce("user", "cef_user"),
    )
    by_name = pl.when(pl.col("name").is_in(["Allowed", "Blocked"])).then("name")
    by_category = pl.when(pl.col("type").str.contains("(?i)^(?:allow|block|caution)")).then("type")
    return _rows(read.with_columns(action=pl.coalesce("action", by_category, by_name, "event")))


def _columns(names: list[str]) -> layouts.Reader:
    return lambda lines: _rows(layouts.conformed(commas.read(lines["line"], names), _FIELDS))


def _pairs(lines: pl.DataFrame) -> pl.DataFrame:
    """Tabs between pairs, or spaces; values bare, quoted or quoted twice; the time may stand in front."""
    text = lines["line"].str.replace_all('=""', '="', literal=True).str.replace_all('""(\t|$)', '"$1')
    tabs = text.str.contains("\t", literal=True)
    parts = [
        keyvalue.read(text.filter(mine), _FIELDS, **options).with_columns(at=mine.arg_true())
        for mine, options in ((tabs, {"separator": "\t"}), (~tabs, {"spaced": True}))
        if mine.any()
    ]
    read = pl.concat(parts).sort("at").drop("at")
    front = lines["line"].str.extract(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\w{3} \w{3} +\d+ [\d:]{8} \d{4})")
    return read.with_columns(time=pl.coalesce("time", pl.lit(front)))


def _told(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(' "')
    return pl.when(~text.is_in(_NOTHING)).then(text)


def _own_address() -> pl.Expr:
    """The client's own address where the proxy sees it; some templates exchange it and the one behind it."""
    own, public = _told("client"), _told("client_public")
    swapped = public.str.contains(_PRIVATE) & ~own.str.contains(_PRIVATE).fill_null(False)
    return pl.when(swapped).then(public).otherwise(pl.coalesce(own, public))


def _decoded(name: str) -> pl.Expr:
    return _told(name).str.decode("base64", strict=False).cast(pl.String, strict=False)


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` from `_FIELDS`; the kind is told by which fields there are."""
    asks = pl.col("asked").is_not_null() & pl.coalesce("asked_by", "client").is_not_null()
    # A lookup's resolver and port go by the keys a firewall's server has in some feeds.
    flows = pl.col("flow_client").is_not_null() & pl.col("flow_port").is_not_null() & ~asks
    read = fields.with_columns(
        kind=one_of({"dns": asks, "flow": flows}, otherwise="proxy"),
        url=pl.coalesce(_told("url"), _decoded("b64_url")),
        host=pl.coalesce(_told("host"), _decoded("b64_host")),
        method=_told("method"),
        client=pl.coalesce(_own_address(), _told("asked_by")),
        seen=_told("flow_server_seen"),
    )
    told = _time() | _who() | _request() | _server() | _volume()
    return read.select("kind", **told, action=_action(), reason=_reason())


_Column = str | pl.Expr | None


def _by_kind(dns: _Column = None, flow: _Column = None, proxy: _Column = None) -> pl.Expr:
    """What stands for the same thing in a lookup, a connection of the firewall, a request of the proxy."""
    kind = pl.col("kind")
    return pl.when(kind == "dns").then(dns).when(kind == "flow").then(flow).otherwise(proxy)


def _time() -> dict[str, pl.Expr]:
    lasted = pl.coalesce(
        pl.col("flow_duration").cast(pl.Float64, strict=False) / 1000,
        pl.col("flow_seconds").cast(pl.Float64, strict=False),
    )
    return {
        "time": pl.coalesce("epoch", said("time")),
        "zone": pl.when(pl.col("epoch").is_null()).then("tz"),
        "at_end": pl.col("kind") == "flow",
        "duration_s": _by_kind(flow=lasted),
    }


def _who() -> dict[str, pl.Expr]:
    return {
        "client": _by_kind(
            dns=pl.coalesce(_told("asked_by"), "client"), flow=_told("flow_client"), proxy="client"
        ),
        "client_port": pl.col("client_port"),
        # `elogin` and `euser` are the encoded ones, whatever a feed calls them. Where nobody has signed
        # in, the location stands for its users.
        "user_name": pl.when(_told("user").ne_missing(_told("location"))).then(
            _told("user").str.replace_many(_ENCODED)
        ),
        "device": pl.coalesce(_told("device"), _told("device_name").str.extract(r"^([^:;]+)")),
        "user_agent": _told("agent").str.replace_many(_AGENT_ENCODED),
    }


def _whole() -> pl.Expr:
    """`url` has the host, except in templates whose `url` is only what follows it."""
    return pl.when(~pl.col("url").str.starts_with("/")).then("url")


def _request() -> dict[str, pl.Expr]:
    method = pl.col("method")
    tunnel = (method == "CONNECT") | (pl.col("protocol").is_in(["SSL", "TUNNEL"]) & method.is_null())
    bare = pl.when(_whole().is_null()).then("host")
    path = pl.coalesce(
        pl.when(pl.col("url").str.starts_with("/")).then("url"),
        _whole().str.extract(r"^(?:[a-z]+://)?[^/?#]*(/(?:[^/?#][^?#]*)?)"),
    )
    unnamed = (pl.col("kind") == "proxy") & _whole().is_null()
    return {
        "url": _by_kind(proxy=pl.coalesce(_whole(), "host")),
        "host": _by_kind(dns="asked", flow=_told("flow_fqdn"), proxy=bare),
        "name_from": one_of({"url": (pl.col("kind") == "flow") | unnamed}),
        "path": _by_kind(proxy=pl.when(~tunnel.fill_null(False)).then(path)),
        "method": pl.when(method.str.contains(r"^[A-Z]+$") & (method != "INVALID")).then("method"),
        "status": _by_kind(proxy=pl.col("status").str.extract(r"^(\d{3})")),
    }


def _server() -> dict[str, pl.Expr]:
    """Where the proxy went; of a connection the server that was seen goes before the one it was aimed at."""
    seen = pl.col("seen").is_not_null() & (pl.col("flow_port_seen") != "0")
    written = _whole().str.extract(r"^[^/?#]*:(\d{1,5})(?:[/?#]|$)")
    usual = pl.col("protocol").str.to_uppercase().replace_strict(_PORTS, default=None)
    return {
        "server": _by_kind(
            dns=_told("resolver"), flow=pl.coalesce("seen", _told("flow_server")), proxy=_told("server")
        ),
        "server_port": _by_kind(
            flow=pl.when(seen).then("flow_port_seen").otherwise("flow_port"),
            proxy=pl.coalesce(written, usual),
        ),
        "transport": _by_kind(dns="protocol", flow="protocol", proxy=pl.lit("tcp")),
    }


def _volume() -> dict[str, pl.Expr]:
    return {
        "bytes_up": _by_kind(flow="flow_up", proxy="up"),
        "bytes_down": _by_kind(flow="flow_down", proxy="down"),
        "qtype": _by_kind(dns=_told("asked_type")),
        "answers": _by_kind(dns=pl.col("answer").str.extract_all(_ADDRESSES)),
    }


def _reason() -> pl.Expr:
    nowhere = pl.col("url").is_null() & pl.col("host").is_null()
    return one_of(
        {
            TUNNEL_ITSELF: pl.col("tunnel_record").is_not_null(),
            NO_SERVICE: (pl.col("kind") == "proxy") & nowhere,
        }
    )


def _action() -> pl.Expr:
    asked = pl.coalesce("request_action", "response_action", "action")
    # A request may be redirected to another resolver; a response that is, leads to a page that says no.
    refused = pl.any_horizontal(
        pl.col(name).str.contains(words).fill_null(False)
        for name, words in (("request_action", "(?i)block|drop"), ("response_action", "(?i)block|drop|redir"))
    )
    refused |= (lookups.verdict(pl.col("answer")) == "blocked").fill_null(False)
    word = _by_kind(
        dns=one_of({"blocked": refused}, otherwise=asked), flow=pl.col("action"), proxy=pl.col("action")
    )
    # `REQ_ALLOW`, `RES_BLOCK`, `Block/Drop`, `IPS Reset`: the word that counts.
    word = word.str.replace(r"^(?:REQ|RES)_?", "").str.replace(r"(?i)^IPS (?:drop|reset)$", "block")
    return word.str.replace(r"(?i)^(allow|block|drop|bypass).*$", "$1")
