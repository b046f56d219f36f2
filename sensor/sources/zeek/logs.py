"""Turns the rows of each Zeek log into observations, answers and leases.

In: the frame of `text.py`: columns with Zeek's names, as text or numbers, and `line`, `offset`, `bytes`.
Out: a frame of the same rows with the columns of observations, `uid` (a hash of Zeek's), and `reason` for
rows that are none. Field meanings: the Zeek manual's base scripts.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sensor import schema
from sensor.sources.logs.rows import records
from sensor.sources.logs.text import accounts, hosts, keys, lookups
from sensor.sources.logs.text.dhcp import ASSUMED_S
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import (
    CHALLENGE,
    NEIGHBOURS,
    NO_HOLDER,
    NO_LOOKUP,
    NO_PORTS,
    NOT_A_QUERY,
    REPEATED,
    REVERSE,
)
from sensor.sources.zeek.text import unescape

UNREADABLE = "not a Zeek row"

#: A connection that never came about: refused, unanswered, or given up before an answer.
_UNMADE = ("REJ", "S0", "RSTOS0")
_VOLUME = {
    "bytes_up": "orig_bytes",
    "bytes_down": "resp_bytes",
    "wire_bytes_up": "orig_ip_bytes",
    "wire_bytes_down": "resp_ip_bytes",
    "packets_up": "orig_pkts",
    "packets_down": "resp_pkts",
}
_PAIRS = (
    ("client", "server"),
    ("client_port", "server_port"),
    ("bytes_up", "bytes_down"),
    ("wire_bytes_up", "wire_bytes_down"),
    ("packets_up", "packets_down"),
)
#: Each column of one side with the column that takes its place when the sides are exchanged.
_SIDES = [pair for one, other in _PAIRS for pair in ((one, other), (other, one))]
#: mDNS, LLMNR and NetBIOS name service.
_LOCAL_PORTS = (5353, 5355, 137)
#: Addresses that resolvers answer with in place of the real one, to block a name.
_SINKHOLES = ("0.0.0.0", "127.0.0.1", "::", "::1")
_SERVICE_PORTS = 1024
#: What a client asked its SOCKS proxy for names a connection that none of the logs of its content names.
SOCKS_RANK = 3
#: Larger numbers are no seconds (this one is in the year 5138) but milliseconds.
_MILLIS = 100_000_000_000


def common(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with time, uid, addresses and ports parsed; `reason` where that fails."""
    read = rows.with_columns(
        at=time(rows["ts"]),
        uid=pl.col("uid").hash(),
        known=pl.col("uid").is_not_null(),
        client_port=_number("id.orig_p"),
        server_port=_number("id.resp_p"),
        client=pl.col("id.orig_h"),
        server=pl.col("id.resp_h"),
    )
    read = read.with_columns(hosts.addressed(read[side]) for side in ("client", "server"))
    readable = pl.col("known") & pl.col("at").is_not_null() & pl.col("client").is_not_null()
    return read.with_columns(reason=pl.when(~readable).then(pl.lit(UNREADABLE)))


def time(stamps: pl.Series) -> pl.Series:
    """The times of Zeek's `ts`: seconds since 1970 (as numbers or text), milliseconds (`JSON::TS_MILLIS`,
    Vectra Stream), or ISO 8601 with zone."""
    seconds = stamps.cast(pl.Float64, strict=False)
    seconds = seconds.zip_with(seconds.fill_null(0) < _MILLIS, seconds / 1000)
    at = pl.select(records.epoch(seconds)).to_series()
    if seconds.null_count() == stamps.null_count():
        return at
    iso = stamps.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    return at.zip_with(at.is_not_null(), iso)


def conn(rows: pl.DataFrame) -> pl.DataFrame:
    """conn.log: one row per connection, with its volume; names come from the other logs."""
    read = _facing(common(rows))
    transport = pl.col("proto").str.to_lowercase()
    tcp_or_udp = transport.is_in(["tcp", "udp"]).fill_null(False)
    return read.with_columns(
        reason=_first_reason((~tcp_or_udp, NO_PORTS)),
        seen_at="at",
        started_at="at",
        slice=pl.lit(0, dtype=pl.Int64),
        duration_s=records.seconds(pl.col("duration")),
        kind=pl.lit("flow"),
        action=pl.when(pl.col("conn_state").is_in(_UNMADE))
        .then(pl.lit("reset"))
        .otherwise(pl.lit("allowed")),
        transport=transport,
        lost_bytes=_number("missed_bytes"),
        # The parents' uids differ from run to run; that there is one is all that can be compared.
        tunnel=pl.when(pl.col("tunnel_parents").list.len() > 0).then(pl.lit("tunnel")),
    ).with_columns(total_bytes_up="bytes_up", total_bytes_down="bytes_down")


def _facing(read: pl.DataFrame) -> pl.DataFrame:
    """Originator as client, responder as server, unless Zeek joined midstream and took them wrong.

    Zeek marks a connection whose ends it swapped by guess with `^` in `history`, and one it joined
    midstream has no `S` or `s`. There the lower port is the server's.
    """
    history = pl.col("history").fill_null("S")
    midstream = history.str.starts_with("^") | ~history.str.contains("[Ss]")
    turned = midstream & (pl.col("client_port") < _SERVICE_PORTS) & (pl.col("server_port") >= _SERVICE_PORTS)
    turned = turned.fill_null(False) & (pl.col("proto") == "tcp").fill_null(False)
    sides = read.with_columns(_number(zeek).alias(ours) for ours, zeek in _VOLUME.items())
    sides = sides.with_columns(client_mac=pl.col("orig_l2_addr").str.to_lowercase())
    if not sides.select(turned.any()).item():
        return sides
    swapped = [
        pl.when(turned).then(pl.col(there)).otherwise(pl.col(here)).alias(here) for here, there in _SIDES
    ]
    return sides.with_columns(*swapped, client_mac=pl.when(~turned).then("client_mac"))


def ssl(rows: pl.DataFrame) -> pl.DataFrame:
    """ssl.log: the name of the hello, else the certificate's."""
    certificate = pl.col("subject").str.extract(r"(?:^|,)CN=(?:\*\.)?([^,\\]+)")
    established = pl.col("established").is_in(["T", "true"])
    read = hosts.once(common(rows), "server_name", hosts.normalise(pl.col("server_name")))
    read = read.with_columns(certificate=certificate)
    read = hosts.once(read, "certificate", hosts.normalise(pl.col("certificate")))
    return _named(read, "tls").with_columns(
        host=pl.coalesce("server_name", "certificate"),
        name_from=pl.when(pl.col("server_name").is_not_null())
        .then(pl.lit("sni"))
        .when(pl.col("certificate").is_not_null())
        .then(pl.lit("certificate")),
        action=pl.when(established).then(pl.lit("allowed")).otherwise(pl.lit("unknown")),
        transport=pl.lit("tcp"),
        rank=pl.lit(1, dtype=pl.Int64),
    )


def quic(rows: pl.DataFrame) -> pl.DataFrame:
    """quic.log: the name of the hello inside the Initial packets."""
    read = hosts.once(common(rows), "server_name", hosts.normalise(pl.col("server_name")))
    return _named(read, "quic").with_columns(
        host=pl.col("server_name"),
        name_from=pl.when(pl.col("server_name").is_not_null()).then(pl.lit("quic_sni")),
        action=pl.lit("allowed"),
        transport=pl.lit("udp"),
        rank=pl.lit(0, dtype=pl.Int64),
    )


def _named(read: pl.DataFrame, kind: str) -> pl.DataFrame:
    """What ssl and quic rows share: one row per connection, at (nearly) its start."""
    return read.with_columns(
        seen_at="at", started_at="at", slice=pl.lit(0, dtype=pl.Int64), kind=pl.lit(kind), ja4=pl.col("ja4")
    )


def http(rows: pl.DataFrame) -> pl.DataFrame:
    """http.log: one row per request; sizes are those of the bodies alone."""
    read = common(rows).with_columns(
        method=unescape(pl.col("method")),
        status=_number("status_code"),
        tunnel_to=pl.col("uri").str.extract(r"^([^/? ]+)"),
        absolute=pl.col("uri").str.extract(r"^[A-Za-z]{1,10}://([^/?#]*)"),
        path=unescape(pl.col("uri").str.extract(r"^(?:[A-Za-z]{1,10}://[^/?#]*)?(/[^?#]*)")),
    )
    connect = (pl.col("method") == "CONNECT").fill_null(False)
    authority = pl.when(connect).then("tunnel_to").otherwise(pl.coalesce("absolute", "host"))
    read = read.with_columns(authority=authority).drop("host")
    read = read.join(
        hosts.authorities(read["authority"]).select("authority", "host"),
        on="authority",
        how="left",
        maintain_order="left",
    )
    by_url = connect | pl.col("absolute").is_not_null()
    return read.with_columns(
        *keys.of_texts(read["uri"]),
        reason=_first_reason((pl.col("status") == 407, CHALLENGE)),
        seen_at="at",
        started_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        slice=pl.lit(None, dtype=pl.Int64),
        kind=pl.lit("http"),
        # A CONNECT refused by the proxy; a 403 to any other request is the server's own answer.
        action=pl.when(connect & (pl.col("status") == 403))
        .then(pl.lit("blocked"))
        .otherwise(pl.lit("allowed")),
        name_from=pl.when(pl.col("host").is_null())
        .then(None)
        .when(by_url)
        .then(pl.lit("url"))
        .otherwise(pl.lit("http_host")),
        path=pl.when(~connect).then("path"),
        status=pl.when(pl.col("status") > 0).then("status"),
        user_agent=unescape(pl.col("user_agent")),
        origin=unescape(pl.col("origin")),
        user_name=unescape(pl.col("username")),
        transport=pl.lit("tcp"),
        # The tunnel's content is not in this log: unknown, not 0.
        bytes_up=pl.when(~connect).then(_number("request_body_len")),
        bytes_down=pl.when(~connect).then(_number("response_body_len")),
        rank=pl.lit(2, dtype=pl.Int64),
    )


def socks(rows: pl.DataFrame) -> pl.DataFrame:
    """socks.log: what a client asked its proxy for, and as whom; the server is the proxy, unless what was
    asked for has no name."""
    read = common(rows.rename({"status": "reply"}))
    read = read.with_columns(asked=pl.coalesce("request.name", "request.host"))
    read = read.with_columns(hosts.addressed(read["asked"]).alias("address"))
    read = hosts.once(read, "asked", hosts.normalise(unescape(pl.col("asked"))))
    is_address = pl.col("address").is_not_null()
    reply = pl.col("reply").str.to_lowercase()
    return read.with_columns(
        seen_at="at",
        started_at="at",
        slice=pl.lit(0, dtype=pl.Int64),
        kind=pl.lit("flow"),
        host="asked",
        name_from=pl.when(pl.col("asked").is_not_null()).then(pl.lit("url")),
        server=pl.when(is_address).then("address").otherwise("server"),
        server_port=pl.when(is_address).then(_number("request_p")).otherwise("server_port"),
        user_name=unescape(pl.col("user")),
        action=pl.when(reply == "succeeded")
        .then(pl.lit("allowed"))
        .when(reply.str.contains("not allowed"))
        .then(pl.lit("blocked"))
        .when(reply.is_not_null())
        .then(pl.lit("reset"))
        .otherwise(pl.lit("unknown")),
        transport=pl.lit("tcp"),
        rank=pl.lit(SOCKS_RANK, dtype=pl.Int64),
    )


def dns(rows: pl.DataFrame) -> pl.DataFrame:
    """dns.log: one row per question, with `cname` and the lists of answers."""
    read = common(rows).with_columns(
        cname=pl.col("answers").list.eval(_names_only(pl.element())).list.drop_nulls().list.last(),
        asked=pl.col("query"),
    )
    for column in ("query", "cname"):
        read = hosts.once(read, column, hosts.normalise(unescape(pl.col(column))))
    name = pl.col("qtype_name").fill_null(pl.col("qtype"))
    ports = pl.col("server_port").is_in(_LOCAL_PORTS) | pl.col("client_port").is_in(_LOCAL_PORTS)
    question = pl.struct("uid", "trans_id", "qtype", "asked")
    sunk = pl.col("answers").list.eval(pl.element().is_in(_SINKHOLES)).list.any().fill_null(False)
    return read.with_columns(
        reason=_first_reason(
            (_number("opcode").fill_null(0) != 0, NOT_A_QUERY),
            (ports | (name == "NB"), NEIGHBOURS),
            (pl.col("asked").is_null(), NO_LOOKUP),
            # An answer whose question was not seen has a name but no type.
            (name.is_in(["PTR", "12"]) | pl.col("query").str.ends_with(".arpa"), REVERSE),
            (~question.is_first_distinct(), REPEATED),
        ),
        seen_at="at",
        kind=pl.lit("dns"),
        action=pl.when(sunk)
        .then(pl.lit("blocked"))
        .otherwise(lookups.verdict(pl.col("rcode_name")).fill_null("unknown")),
        qtype=lookups.question_type(name),
        host=pl.col("query"),
        name_from=pl.when(pl.col("query").is_not_null()).then(pl.lit("qname")),
        transport=pl.col("proto").str.to_lowercase(),
    )


def answers(read: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table `answers` from the frame of `dns`: one per address."""
    replies = read.filter(
        pl.col("reason").is_null(), pl.col("host").is_not_null(), pl.col("answers").list.len() > 0
    )
    wait = (records.seconds(pl.col("rtt")).fill_null(0) * 1_000_000).cast(pl.Int64)
    answered = pl.col("at") + pl.duration(microseconds=wait)
    replies = replies.select(
        "client", "host", "cname", "TTLs", address=pl.col("answers"), answered_at=answered.cast(schema.TIME)
    )
    paired = pl.col("TTLs").list.len().eq_missing(pl.col("address").list.len())
    each = pl.concat(
        [
            replies.filter(paired).explode("address", "TTLs"),
            replies.filter(~paired).explode("address").with_columns(TTLs=pl.lit(None, dtype=pl.String)),
        ]
    )
    lifetime = pl.col("TTLs").cast(pl.Float64, strict=False).round().cast(pl.Int64, strict=False)
    each = hosts.once(each, "address", hosts.address(pl.col("address")))
    usable = pl.col("address").is_not_null() & ~pl.col("address").is_in(_SINKHOLES)
    return each.filter(usable).with_columns(ttl_s=lifetime).drop("TTLs")


def dhcp(rows: pl.DataFrame) -> pl.DataFrame:
    """dhcp.log: who got which address. Only acknowledgements count; up to Zeek 2.5 it has no others."""
    acknowledged = pl.col("msg_types").list.contains("ACK") | pl.col("assigned_ip").is_not_null()
    read = rows.with_columns(at=time(rows["ts"]), acknowledged=acknowledged)
    given = pl.coalesce("assigned_addr", "assigned_ip", "client_addr", "requested_addr")
    read = read.with_columns(client=given)
    unread = pl.col("at").is_null()
    # The answer to a DHCPINFORM names no time (RFC 2131 §4.3.5): it is no endless lease.
    stated = pl.when(pl.col("lease_time").is_not_null())
    return _held(
        read.with_columns(reason=pl.when(unread).then(pl.lit(UNREADABLE))),
        proves=pl.col("acknowledged"),
        device=pl.coalesce("host_name", "client_fqdn"),
        held_s=stated.then(records.seconds(pl.col("lease_time"))).otherwise(ASSUMED_S),
        origin="dhcp",
    )


def kerberos(rows: pl.DataFrame) -> pl.DataFrame:
    """kerberos.log: a granted ticket says who is at the address (`user/REALM`, `NAME$/REALM` a machine)."""
    read = common(rows.rename({"client": "principal"}))
    granted = pl.col("success").is_in(["T", "true"])
    return _held(
        read, proves=granted, name=pl.col("principal").str.replace(r"/[^/]*$", ""), origin="directory"
    )


def ntlm(rows: pl.DataFrame) -> pl.DataFrame:
    """ntlm.log: an authentication; newer versions often leave `success` unset: then it is an attempt."""
    failed = pl.col("success").is_in(["F", "false"]).fill_null(False)
    domain = pl.concat_str(pl.concat_str("domainname", pl.lit("\\")).fill_null(""), "username")
    # Anybody may claim any host name: it only counts beside an account.
    device = pl.when(pl.col("username").is_not_null()).then("hostname")
    held = _held(common(rows), proves=~failed, name=domain, device=device, origin="directory")
    return held.with_columns(unproven=pl.col("success").is_null())


def radius(rows: pl.DataFrame) -> pl.DataFrame:
    """radius.log: `id.orig_h` is the access point; `framed_addr` what the client got."""
    # The last two mean: let the access server, or the user, choose (RFC 2865 §5.8).
    chosen = ~pl.col("framed_addr").is_in(["255.255.255.254", "255.255.255.255"])
    read = common(rows).with_columns(client=pl.when(chosen).then("framed_addr"))
    accepted = pl.col("result").str.contains("(?i)success|accept")
    return _held(read, proves=accepted, name=pl.col("username"), origin="radius")


def _held(
    read: pl.DataFrame,
    *,
    proves: pl.Expr,
    name: pl.Expr | None = None,
    device: pl.Expr | None = None,
    held_s: pl.Expr | None = None,
    origin: str,
) -> pl.DataFrame:
    """`read` with the columns of leases, and `reason` for rows that give nobody's address.

    `proves` is true for rows that prove who holds the address.
    """
    nothing = pl.lit(None, dtype=pl.String)
    named_by = read.with_columns(_account=nothing if name is None else unescape(name))["_account"]
    account = accounts.split(named_by)
    mac = pl.col("mac").str.to_lowercase() if "mac" in read.columns else nothing
    read = hosts.once(read, "client", hosts.address(pl.col("client")))
    held = pl.lit(WORKING_DAY_S, dtype=pl.Float64) if held_s is None else held_s
    named = pl.any_horizontal(
        pl.col(column).is_not_null() for column in ("user_name", "device", "client_mac")
    )
    return (
        read.with_columns(
            account["user_name"],
            device=pl.coalesce(pl.lit(account["device"]), nothing if device is None else device),
            client_mac=mac,
            kind=pl.lit("lease"),
            lease_s=held,
            origin=pl.lit(origin),
            seen_at="at",
        )
        .with_columns(holds=proves.fill_null(False) & pl.col("client").is_not_null() & named)
        .with_columns(reason=_first_reason((~pl.col("holds"), NO_HOLDER)))
    )


def leases(read: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table `leases` from the frames of dhcp, kerberos, ntlm or radius."""
    held = pl.duration(microseconds=(pl.col("lease_s") * 1_000_000).cast(pl.Int64, strict=False))
    unproven = pl.col("unproven") if "unproven" in read.columns else pl.lit(False)
    rows = read.filter(pl.col("reason").is_null()).with_columns(
        address="client",
        mac="client_mac",
        valid_from="at",
        valid_to=pl.col("at") + held,
        confidence=pl.when(pl.col("origin") == "dhcp").then(0.9).when(unproven).then(0.45).otherwise(0.8),
        shared=pl.lit(False),
    )
    return schema.LEASES.conform(rows)


def _names_only(element: pl.Expr) -> pl.Expr:
    return pl.when(~hosts.is_address(element)).then(element)


def _first_reason(*reasons: tuple[pl.Expr, str]) -> pl.Expr:
    """The first reason whose condition holds, after any the row already has."""
    found = [pl.when(condition).then(pl.lit(text)) for condition, text in reasons]
    return pl.coalesce("reason", *found)


def _number(name: str) -> pl.Expr:
    """A count as BIGINT; NULL where it is unset, negative or no number."""
    number = pl.col(name).cast(pl.Int64, strict=False)
    return pl.when(number >= 0).then(number)


#: By log: turns its rows into those of observations, or of leases. What names comes before what is named.
READERS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "dns": dns,
    "quic": quic,
    "ssl": ssl,
    "http": http,
    "socks": socks,
    "conn": conn,
    "dhcp": dhcp,
    "kerberos": kerberos,
    "ntlm": ntlm,
    "radius": radius,
}
