r"""Zscaler Internet Access, NSS and Cloud NSS feeds: web, firewall, dns; JSON, key=value, CEF, LEEF, CSV.

The feed's text is what the customer configured, so fields are found by name, in every spelling the
templates use. CSV names none: it is read where it is a default feed, whose order is that of the template.

    web       user, ClientIP, url (no scheme), requestsize sent, responsesize received
    firewall  csip → cdip as the client aimed, sdip the server; `outbytes` sent, `inbytes` received;
              one line may stand for several sessions of 15 minutes (aggregate, numsessions)
    dns       clt_sip asks dns_req

Times carry no zone: the feed's setting decides; `tz` and `epochtime` are read where configured.
`e…` keys are hex-encoded (`%2C`), `b64…` base64, `o…` obfuscated. Source: Zscaler, "NSS Feed Output Format".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import cef, commas, keyvalue, layouts, objects
from sensor.sources.text.words import one_of

_FIELDS = {
    "type": "sourcetype",
    "epoch": "epochtime|event.epochtime",
    "time": "datetime|time|event.datetime|event.time|logtime|event.logtime|rt|devTime",
    "tz": "tz|event.tz",
    "user": "login|user|elogin|suser|event.login|event.user|event.elogin|usrName|cloudusername",
    "device": "devicehostname|event.devicehostname|device_hostname|deviceHostname",
    "device_name": "devicename|event.devicename|edevicename|event.edevicename",
    "client": "cltintip|cintip|ClientIP|event.cltintip|event.cintip|event.ClientIP|client_ip|src_ip",
    "client_public": "cltip|cip|event.cltip|event.cip|src|clientpublicIP|event.clientpublicIP|clientip|srcip",
    "client_behind": "sourceTranslatedAddress|srcPostNAT",
    "client_port": "cltsourceport|event.cltsourceport|csport|event.csport|spt|clt_sport|event.clt_sport",
    "host": "ehost|host|hostname|event.ehost|event.host|event.hostname|dhost|domain",
    "url": "eurl|url|event.eurl|event.url|request",
    "b64_url": "b64url|event.b64url",
    "b64_host": "b64host|event.b64host",
    "method": "reqmethod|requestmethod|event.reqmethod|event.requestmethod|requestMethod|method",
    "status": "respcode|status|event.respcode|event.status|outcome",
    "agent": "eua|ua|useragent|euseragent|event.eua|event.ua|event.useragent|requestClientApplication|"
    "userAgent",
    "server": "sip|serverip|event.sip|event.serverip|dst|server_ip",
    "up": "reqsize|requestsize|event.reqsize|event.requestsize|out|cn3|bytes_out|srcBytes",
    "down": "respsize|responsesize|event.respsize|event.responsesize|in|bytes_in|dstBytes",
    "action": "action|event.action|act",
    "reason": "reason|event.reason",
    "protocol": "proto|protocol|event.proto|event.protocol",
    "asked": "dns_req|event.dns_req|dnsreq|req|event.req|edns_req|event.edns_req|domainname",
    "asked_type": "dns_reqtype|event.dns_reqtype|reqtype|dnsreqtype",
    "asked_by": "clt_sip|event.clt_sip|cip_dns|clientip",
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
_WEB_CSV = (  # noqa: SIM905
    "time,user,protocol,url,action,app,appclass,up,down,stime,ctime,urlclass,urlsupercat,urlcat,"
    "malwarecat,threat,"
    "risk,dlpeng,dlpdict,location,dept,client_public,server,method,status,agent,referer,ruletype,rulelabel,"
    "contenttype,unscannable,device_owner,device"
).split(",")
_FIREWALL_CSV = (  # noqa: SIM905
    "time,user,dept,location,flow_port,client_port,flow_port_seen,egress_port,flow_client,flow_server,flow_egress,"
    "flow_server_seen,tunnel,tunnel_port,tunnel_type,action,dnat,stateful,aggregate,service,app,protocol,ip_category,"
    "country,average,rulelabel,flow_down,flow_up,flow_seconds,flow_duration"
).split(",")
_DNS_CSV = (  # noqa: SIM905
    "time,user,dept,location,request_action,response_action,request_rule,response_rule,asked_type,asked,answer,port,"
    "duration,asked_by,resolver,category,device_owner,device"
).split(",")
_KNOWN_SOURCE = r"zscalernss-|zscaler(?:_zia)?[-_](?:web|fw|dns|firewall)"
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
_NOTHING = ("NA", "N/A", "None", "Unknown", "NotAvailable", "", "0.0.0.0", "Other")  # noqa: S104
#: Addresses of private networks (RFC 1918, RFC 6598, RFC 4193).
_PRIVATE = (
    r"^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\."
    r"|[fF][cdCD][0-9a-fA-F]{2}:)"
)
OTHER = "set aside: log of another type (tunnel, audit, alert)"


#: What stands in accounts of an encoded field.
_ENCODED = {"%40": "@", "%5C": "\\", "%5c": "\\", "%20": " "}


class ZscalerFamily(Family):
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
        "reqsize=", "csip", "cdip", "clt_sip", '"eurl"', '"b64url"', '"reqdatasize"',
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains("(?i)" + _KNOWN_SOURCE)
        | cef.claims("Zscaler")
        | pl.col("line").str.contains("|".join((_CSV, _CSV_FIREWALL, _CSV_DNS, _PAIRS_WEB, _PAIRS_FLOW)))
        | (
            pl.col("line").str.contains(_OBJECT)
            & pl.col("line").str.contains(
                r'"(?:urlsupercat(?:egory)?|cltintip|eurl|b64url|csip|cdip|clt_sip|clientpublicIP|'
                r'reqdatasize)"\s*:'
            )
        )
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
    """The verdict may stand in the head alone."""
    read = cef.read(lines["line"], _FIELDS | {"type": "cat"})
    by_category = pl.when(pl.col("type").str.contains("(?i)^(?:allow|block|caution)")).then("type")
    # Templates exchange the two: `src` may be the public address, and its translation the client's own.
    inside = pl.col("client_behind").str.contains(_PRIVATE) & ~pl.col("client_public").str.contains(_PRIVATE)
    return _rows(
        read.with_columns(
            action=pl.coalesce("action", by_category, "event"),
            client=pl.coalesce("client", pl.when(inside).then("client_behind")),
        )
    )


def _columns(names: list[str]) -> layouts.Reader:
    nothing = pl.lit(None, dtype=pl.String)
    chosen = [(pl.col(name) if name in names else nothing).alias(name) for name in _FIELDS]
    return lambda lines: _rows(commas.read(lines["line"], names).select(chosen))


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
    front = lines["line"].str.extract(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
    return read.with_columns(time=pl.coalesce("time", pl.lit(front)))


def _told(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(' "')
    return pl.when(~text.is_in(_NOTHING)).then(text)


def _decoded(name: str) -> pl.Expr:
    return _told(name).str.decode("base64", strict=False).cast(pl.String, strict=False)


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` from `_FIELDS`; the kind is told by which fields there are."""
    is_dns = pl.col("asked").is_not_null() & pl.coalesce("asked_by", "client_public").is_not_null()
    # A lookup's resolver and port go by the keys a firewall's server has in some feeds.
    is_flow = pl.col("flow_client").is_not_null() & pl.col("flow_port").is_not_null() & ~is_dns
    url = pl.coalesce(_told("url"), _decoded("b64_url"))
    host = pl.coalesce(_told("host"), _decoded("b64_host"))
    web = pl.coalesce(url, host).is_not_null()
    method = _told("method").str.to_uppercase()
    tunnel = (method == "CONNECT") | (pl.col("protocol").is_in(["SSL", "TUNNEL"]) & method.is_null())
    # `url` has the host, except in templates whose `url` is only what follows it.
    whole = pl.when(url.str.starts_with("/")).then(None).otherwise(url)
    client = pl.coalesce(_told("client"), _told("client_public"))
    scheme = (
        pl.col("protocol")
        .str.to_uppercase()
        .replace_strict(
            {"HTTP": "80", "HTTPS": "443", "SSL": "443", "FTP": "21"}, default=None, return_dtype=pl.String
        )
    )
    port = pl.coalesce(whole.str.extract(r"^[^/?#]*:(\d{1,5})(?:[/?#]|$)"), scheme)
    seen = _told("flow_server_seen")
    kind = one_of({"dns": is_dns, "flow": is_flow}, otherwise="proxy")
    return fields.with_columns(kind=kind).select(
        "kind",
        time=pl.coalesce("epoch", pl.when(pl.col("time") != "").then("time")),
        zone=pl.when(pl.col("epoch").is_null()).then("tz"),
        at_end=is_flow,
        duration_s=pl.when(is_flow).then(
            pl.coalesce(
                pl.col("flow_duration").cast(pl.Float64, strict=False) / 1000,
                pl.col("flow_seconds").cast(pl.Float64, strict=False),
            )
        ),
        client=pl.when(is_dns)
        .then(pl.coalesce(_told("asked_by"), client))
        .when(is_flow)
        .then(_told("flow_client"))
        .otherwise(client),
        client_port="client_port",
        # `elogin` and `euser` are the encoded ones, whatever a feed calls them.
        user_name=_told("user").str.replace_many(_ENCODED),
        device=pl.coalesce(_told("device"), _told("device_name").str.extract(r"^([^:;]+)")),
        url=pl.when(~is_dns & ~is_flow).then(pl.coalesce(whole, host)),
        host=pl.when(is_dns)
        .then("asked")
        .when(is_flow)
        .then(_told("flow_fqdn"))
        .when(whole.is_null())
        .then(host),
        name_from=one_of({"url": is_flow | ((kind == "proxy") & whole.is_null())}),
        path=pl.when(~tunnel.fill_null(False) & ~is_dns & ~is_flow).then(
            pl.coalesce(
                pl.when(url.str.starts_with("/")).then(url),
                whole.str.extract(r"^(?:[a-z]+://)?[^/?#]*(/(?:[^/?#][^?#]*)?)"),
            )
        ),
        method=pl.when(method.str.contains(r"^[A-Z]+$") & (method != "INVALID")).then(method),
        status=pl.when(kind == "proxy").then(pl.col("status").str.extract(r"^(\d{3})")),
        user_agent=_told("agent"),
        server=pl.when(is_flow)
        .then(pl.coalesce(seen, _told("flow_server")))
        .when(is_dns)
        .then(_told("resolver"))
        .otherwise(_told("server")),
        server_port=pl.when(is_flow & seen.is_not_null() & (pl.col("flow_port_seen") != "0"))
        .then("flow_port_seen")
        .when(is_flow)
        .then("flow_port")
        .when(~is_dns)
        .then(port),
        transport=one_of({"tcp": kind == "proxy"}, otherwise=pl.col("protocol")),
        bytes_up=pl.when(is_flow).then("flow_up").when(~is_dns).then("up"),
        bytes_down=pl.when(is_flow).then("flow_down").when(~is_dns).then("down"),
        action=_action(is_dns),
        answers=pl.when(is_dns).then(
            pl.col("answer").str.extract_all(
                r"\d+\.\d+\.\d+\.\d+|"
                r"[0-9a-fA-F]*:[0-9a-fA-F:]+"
            )
        ),
        reason=one_of({OTHER: ~is_dns & ~is_flow & ~web}),
    )


def _action(is_dns: pl.Expr) -> pl.Expr:
    asked = pl.coalesce("request_action", "response_action", "action")
    refused = pl.any_horizontal(
        pl.col(name).str.to_lowercase().str.contains("block|drop").fill_null(False)
        for name in ("request_action", "response_action")
    )
    word = pl.when(is_dns & refused).then(pl.lit("blocked")).when(is_dns).then(asked).otherwise("action")
    # `REQ_ALLOW`, `RES_BLOCK`, `Block/Drop`: the word that counts.
    return word.str.replace(r"^(?:REQ|RES)_?", "").str.replace(r"(?i)^(allow|block|drop).*$", "$1")
