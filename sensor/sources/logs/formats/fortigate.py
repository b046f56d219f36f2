"""Fortinet FortiGate, FortiProxy, FortiClient: key=value (space, comma, bar), JSON, CEF (`FTNTFGT` keys).

    type=traffic   a session: srcip, user, dstip, hostname, sentbyte, rcvdbyte; at its end, and every few
                   minutes while it lasts (logid …0000000020, cumulative, `sentdelta` since the last)
    type=utm       webfilter (hostname, url), dns (qname), ssl (hostname, sni), app-ctrl: of the session
                   with the same `sessionid`; bytes they carry are part of that session's
                   FortiClient's say `hostname` of its own device and `remotename` of where it went
    type=event     user logon (who has an address), VPN tunnel up (assigned address), wireless station

`sentbyte` is what the client sent, headers of IP included; so is CEF's `out`. `eventtime` is UTC in
seconds to nanoseconds by version; `date`, `time` are local with `tz`. Source: FortiOS Log Reference.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats import fortiweb
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, keyvalue, lookups, objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.partial import filled, only
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of, said

_KEYS = (
    "date", "time", "eventtime", "tz", "devid", "logid", "type", "subtype", "eventtype", "sessionid", "xid",
    "srcip", "srcport", "srcmac", "srcname", "dstip", "dstport", "dstname", "proto", "user", "unauthuser",
    "xauthuser", "eapuser",
    "hostname", "url", "qname", "qtype", "rcode", "sni", "ipaddr", "agent", "httpmethod", "reqtype",
    "resptype", "statuscode", "action", "utmaction",
    "status", "sentbyte", "rcvdbyte", "sentdelta", "rcvddelta", "sentpkt", "rcvdpkt", "duration",
    "reqlength", "resplength", "assignip", "tunnelip", "remip", "ip", "httpcode",
    "dhcp_msg", "mac", "lease", "remotename", "deviceip", "devicemac", "name", "stamac",
)  # fmt: skip
#: What FortiOS 4 called them.
_FORMER = {
    "devid": "device_id", "logid": "log_id", "srcip": "src", "srcport": "src_port", "dstip": "dst",
    "dstport": "dst_port", "sentbyte": "sent", "rcvdbyte": "rcvd", "sentpkt": "sent_pkt",
    "rcvdpkt": "rcvd_pkt",
}  # fmt: skip
_SPELLED = {key: f"{key}|{_FORMER[key]}" if key in _FORMER else key for key in _KEYS}
#: Where CEF puts what key=value has; everything else is `FTNTFGT` + key.
_CEF = {
    "srcip": "src", "srcport": "spt", "srcmac": "smac", "srcname": "shost", "dstip": "dst", "dstport": "dpt",
    "proto": "proto", "user": "suser", "hostname": "dhost", "url": "request",
    "agent": "requestClientApplication",
    "action": "act", "sentbyte": "out", "rcvdbyte": "in", "sessionid": "externalId|externalID",
    "devid": "deviceExternalId",
    "httpmethod": "requestMethod", "time": "start",
}  # fmt: skip
INTERIM = "0020"


class FortigateFormat(LogFormat):
    """Reads FortiGate and FortiProxy logs."""

    name = "fortigate"
    help = (
        "Fortinet FortiGate (FortiOS 4 to 7.6), FortiProxy, FortiClient: traffic, webfilter, dns, ssl, "
        "app-ctrl; key=value, JSON, CEF"
    )
    vantage = "firewall"
    is_on_site = True
    counts_headers = "ip"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "FortiGate names hosts only where a web filter, SSL inspection or DNS filter profile logs: set "
        "`log-all-url enable` in the web filter profile and `logtraffic all` in the policy."
    )
    marks = (
        "logid=", "log_id=", "devid=", "device_id=", "devname=", '"subtype"', "|fortinet|",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r'\blog_?id="?\d{8,10}"?[ ,|].*?\btype="?(?:traffic|utm|event|dns|app-ctrl|webfilter|anomaly)'
        r'|\bdev(?:ice_)?id="{0,2}F(?:[GPOWC]|\d)|\bdevname=\S+[ ,]devid='
        r'|\bdevname=.* type="?traffic.* srcip='
        r'|^\{.*"(?:logid|devid)"\s*:\s*(?:"F[GPOWC]\w+"|"?\d{8,10}\b).*"subtype"\s*:'
        r'|^\{.*"subtype"\s*:.*"(?:logid|devid)"\s*:\s*(?:"F[GPOWC]\w+"|"?\d{8,10}\b)'
        r"|CEF:\s*\d\|Fortinet\|Forti(?i:gate|proxy)|(?:^|[ |])FTNTFGTlogid="
    ) & ~pl.col("line").str.contains(fortiweb.SHAPE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        line = lines["line"]
        if line.str.starts_with('"').any():
            # FortiAnalyzer's downloads quote whole pairs: `"srcip=10.1.2.3","dstip=…"`.
            line = line.str.replace_all(r'(^|,)"([A-Za-z]\w*)=(?:"")?([^"]*)(?:"")?"', '$1$2="$3"')
        is_cef = line.str.contains(r"CEF:\s*\d\||\|Fortinet\||FTNTFGT")
        is_object = line.str.starts_with("{")
        signs = line.str.extract(r"([,|])(?:log)?type=").fill_null(" ")
        plain = only(line, ~is_cef & ~is_object & (signs == " "))
        read = keyvalue.read(plain, _SPELLED)
        if is_object.any():
            read = filled(read, objects.read(line, _SPELLED))
        for sign in (",", "|"):
            mine = (signs == sign) & ~is_cef & ~is_object
            if mine.any():
                part = only(line, mine)
                read = filled(read, keyvalue.read(part, _SPELLED, separator=sign))
        if is_cef.any():
            read = filled(read, _from_cef(only(line, is_cef)))
        told = _of_clients(read)
        rows = told.select(**_when(), **_who(), **_what(), **_volume(), reason=_reason())
        if told["qname"].null_count() == len(rows):
            return rows
        answer = (told["eventtype"] == "dns-response").fill_null(False).alias("answer")
        return lookups.paired(rows.with_columns(answer), ("session", "qtype")).drop("answer")


def _of_clients(read: pl.DataFrame) -> pl.DataFrame:
    """FortiClient's fields by the names FortiGate has for them."""
    client = pl.col("devid").str.starts_with("FCT").fill_null(False)
    return read.with_columns(
        hostname=pl.when(client).then("remotename").otherwise("hostname"),
        srcname=pl.when(client).then("hostname").otherwise("srcname"),
        srcip=pl.coalesce("srcip", pl.when(client).then("deviceip")),
        srcmac=pl.coalesce("srcmac", pl.when(client).then("devicemac")),
    )


def _from_cef(line: pl.Series) -> pl.DataFrame:
    """CEF with the names of key=value."""
    prefixes = ("FTNTFGT", "FortinetFortiGate", "ad.")
    own = [f"{prefix}{key}" for prefix in prefixes for key in dict.fromkeys(_KEYS)]
    read = cef.read(
        line, [*own, *dict.fromkeys(key for keys in _CEF.values() for key in keys.split("|")), "cat", "duser"]
    )
    category = read["cat"].str.splitn(":", 2).struct.unnest()
    spelled = {
        key: pl.coalesce(
            *(f"{prefix}{key}" for prefix in prefixes), *(_CEF[key].split("|") if key in _CEF else [])
        )
        for key in dict.fromkeys(_KEYS)
    }
    spelled["user"] = pl.coalesce("FTNTFGTuser", "FortinetFortiGateuser", "suser", "duser")
    out = read.select(**spelled)
    return out.with_columns(
        type=pl.coalesce(
            category["field_0"],
            out["type"],
            # Collectors that write CEF of their own keep neither: what names both ends is a connection.
            read["event"].str.to_lowercase().str.extract(r"^(traffic|utm|event)$"),
            one_of({"traffic": pl.col("srcip").is_not_null() & pl.col("dstip").is_not_null()}),
        ),
        subtype=pl.coalesce(out["subtype"], category["field_1"]),
    )


def _of(*types: str) -> pl.Expr:
    return pl.col("type").is_in(types).fill_null(False)


def _sub(*subtypes: str) -> pl.Expr:
    return pl.col("subtype").is_in(subtypes).fill_null(False)


def _when() -> dict[str, pl.Expr]:
    stamp = pl.concat_str("date", "time", separator=" ")
    duration = pl.col("duration").cast(pl.Float64, strict=False)
    return {
        "time": pl.coalesce(
            pl.when(pl.col("eventtime").str.len_bytes() >= 9).then("eventtime"), stamp, "time"
        ),
        "zone": pl.col("tz"),
        # FortiProxy counts in milliseconds; a transaction in these, too, or not at all: unknown.
        "duration_s": pl.when(~_sub("http-transaction")).then(
            pl.when(pl.col("devid").str.starts_with("FPX")).then(duration / 1000).otherwise(duration)
        ),
        "at_end": _of("traffic") & (pl.col("logid").str.slice(-4) != INTERIM).fill_null(True),
    }


def _who() -> dict[str, pl.Expr]:
    tunnel = pl.coalesce("assignip", "tunnelip")
    assigned = pl.when(~tunnel.is_in(["0.0.0.0"])).then(tunnel)
    return {
        "client": pl.when(_of("event")).then(pl.coalesce(assigned, "srcip", "ip")).otherwise("srcip"),
        "client_port": pl.col("srcport"),
        "client_mac": pl.coalesce("srcmac", pl.when(_is_dhcp()).then("mac"), "stamac"),
        # Of an IPsec tunnel `user` may be the peer's address: who logged in is the XAUTH or EAP user.
        "user_name": pl.coalesce(
            *(said(name, "N/A") for name in ("xauthuser", "eapuser")),
            pl.when(~pl.col("user").str.contains(r"^(?:\d{1,3}\.){3}\d{1,3}$")).then("user"),
            "unauthuser",
        ),
        "device": pl.when(_is_dhcp())
        .then("hostname")
        .when(_of("event") & _sub("endpoint"))
        .then("name")
        .when(pl.col("srcname").str.contains(r"[G-Zg-z]|^[^:.]*[A-Za-z]"))
        .then("srcname"),
        "roams": pl.col("devid").str.starts_with("FCT"),
        "server": pl.col("dstip"),
        "server_port": pl.col("dstport"),
        "transport": pl.col("proto"),
    }


def _is_lookup() -> pl.Expr:
    return pl.col("qname").is_not_null()


def _what() -> dict[str, pl.Expr]:
    # `url` is a path, or a whole URL where a proxy logs it, which may lack its scheme.
    whole = pl.col("url").str.contains(r"^[a-z]{2,6}://|^[\w-]+(?:\.[\w-]+)+(?:[:/]|$)").fill_null(False)
    # Read from a certificate, a name may stand for all names below it: `*.example.org`.
    named = pl.coalesce("qname", "hostname", "sni").str.replace(r"^\*\.", "")
    by_destination = pl.when(pl.col("dstname").str.contains(r"[A-Za-z]")).then("dstname")
    vpn = _of("event") & _sub("vpn")
    return {
        "kind": one_of(
            {
                "lease": _of("event"),
                "dns": _is_lookup(),
                "flow": _of("traffic"),
                "http": pl.col("url").is_not_null(),
            },
            otherwise="tls",
        ),
        "host": pl.when(~(whole & named.is_null())).then(
            pl.coalesce(named, pl.when(_of("traffic")).then(by_destination))
        ),
        "name_from": one_of({"url": _of("traffic")}),
        "url": pl.when(whole).then("url"),
        "path": pl.when(~whole).then("url"),
        "method": pl.col("httpmethod"),
        "user_agent": pl.col("agent"),
        # A lookup that is redirected leads to the page that says it was blocked; a transaction has no action,
        # but an answer of the proxy's own (or of the server).
        "action": one_of(
            {
                "blocked": pl.col("utmaction").is_in(["block", "blocked", "reset"])
                | (_is_lookup() & (pl.col("action") == "redirect"))
                | (lookups.verdict(pl.col("rcode")) == "blocked")
                | ((pl.col("resptype") == "generated") & pl.col("statuscode").str.contains("^[45]"))
            },
            otherwise=pl.coalesce(
                "action",
                one_of({"allowed": _sub("http-transaction")}),
                pl.when(~_of("event")).then(pl.coalesce("status", "utmaction")),
            ),
        ),
        "qtype": pl.col("qtype"),
        "answers": pl.when(_is_lookup()).then(pl.col("ipaddr").str.split(", ")),
        "origin": one_of({"dhcp": _is_dhcp(), "vpn": vpn}, otherwise="directory"),
        "lease_s": pl.when(_is_end())
        .then(0.0)
        .when(_is_dhcp())
        # 0 is a lease without an end.
        .then(pl.col("lease").replace("0", None).cast(pl.Float64, strict=False))
        .when(_of("event"))
        .then(WORKING_DAY_S),
        "closes": _is_end(),
    }


def _is_dhcp() -> pl.Expr:
    """The unit's own DHCP server granted an address."""
    return _of("event") & (pl.col("dhcp_msg") == "Ack").fill_null(False)


def _is_end() -> pl.Expr:
    """Logged off, or the tunnel is down: the address is held no more."""
    gone = ["FSSO-logoff", "auth-logout", "logoff", "logout", "tunnel-down"]
    off = (_sub("user", "vpn") & pl.col("action").is_in(gone)) | (
        _sub("endpoint") & (pl.col("action") == "close")
    )
    return _of("event") & off.fill_null(False)


def _part(packets: str, delta: str, total: str) -> pl.Expr:
    """Packets of a `delta`: they are counted since the session began, so they are shared out as bytes are."""
    all_of_them, part, whole = (
        pl.col(name).cast(pl.Float64, strict=False) for name in (packets, delta, total)
    )
    return (all_of_them * part / whole).round().cast(pl.Int64, strict=False).cast(pl.String)


def _volume() -> dict[str, pl.Expr]:
    """Bytes since the last record of the session where the product says so, else cumulative."""
    delta = pl.col("sentdelta").is_not_null() & _of("traffic")
    # Of a proxy's transaction `sentbyte` is the session's so far, `reqlength` its own.
    request = _sub("http-transaction") & pl.col("sentbyte").is_null()
    interim = pl.col("logid").str.slice(-4) == INTERIM
    lookup = pl.concat_str("sessionid", "xid", "qname", separator="|", ignore_nulls=True)
    session = pl.concat_str("sessionid", "srcip", "srcport", separator="|", ignore_nulls=True)
    return {
        "bytes_up": pl.when(delta).then("sentdelta").otherwise(pl.coalesce("sentbyte", "reqlength")),
        "bytes_down": pl.when(delta).then("rcvddelta").otherwise(pl.coalesce("rcvdbyte", "resplength")),
        "total_bytes_up": pl.col("sentbyte"),
        "total_bytes_down": pl.col("rcvdbyte"),
        "packets_up": pl.when(delta).then(_part("sentpkt", "sentdelta", "sentbyte")).otherwise("sentpkt"),
        "packets_down": pl.when(delta).then(_part("rcvdpkt", "rcvddelta", "rcvdbyte")).otherwise("rcvdpkt"),
        "session": pl.when(pl.col("sessionid").is_not_null()).then(
            pl.concat_str(
                pl.col("devid").fill_null(""),
                pl.when(_is_lookup()).then(lookup).otherwise(session),
                separator="|",
            )
        ),
        "phase": pl.when(~_of("traffic"))
        .then(one_of({"update": pl.col("sentbyte").is_not_null()}, otherwise="name"))
        .when(request)
        .then(pl.lit("delta"))
        .when(interim)
        .then(one_of({"delta": delta}, otherwise="update"))
        .otherwise(one_of({"end-delta": delta}, otherwise="end")),
    }


def _reason() -> pl.Expr:
    holder = pl.coalesce("user", "unauthuser").is_not_null()
    logged_on = _sub("user") & pl.col("action").is_in(
        ["FSSO-logon", "auth-logon", "logon", "authentication", "login"]
    )
    tunnel = (
        _sub("vpn")
        & pl.coalesce("tunnelip", "assignip").is_not_null()
        & pl.col("action").is_in(["tunnel-up", "tunnel-stats", "ssl-new-con", "assign"])
    )
    # A station of the wireless network, whose account signed in before (logid 43579).
    station = _sub("wireless") & (pl.col("action") == "client-ip-detected") & pl.col("srcip").is_not_null()
    # FortiClient on a device says who is signed in there (logid 45057, 45058).
    connected = _sub("endpoint") & (pl.col("action") == "add") & pl.col("ip").is_not_null()
    left = _is_end() & pl.coalesce("tunnelip", "assignip", "srcip", "ip").is_not_null()
    failed = pl.col("status").str.contains("(?i)fail|den|time|err").fill_null(False)
    told = (holder & (logged_on | tunnel | station | connected | left) & ~failed) | (
        _is_dhcp() & pl.col("ip").is_not_null()
    )
    named = pl.coalesce("hostname", "qname", "sni", "url").is_not_null()
    return one_of({NO_SERVICE: (_of("event") & ~told.fill_null(False)) | (~_of("event", "traffic") & ~named)})
