"""What follows from what a line tells, by type of log.

TRAFFIC      a session with volume; `start` opens it, `end` closes it, drop, deny and reset were blocked
THREAT url   a request of such a session: host and path, no bytes
THREAT spyware at port 53: a lookup that DNS Security or a sinkhole list judged; of Strata Logging
             Service it is DNS SECURITY, with the resolver asked
DECRYPTION   its SNI
USERID       who logged in where, for the mapping's timeout; GLOBALPROTECT who got which tunnel address,
             HIPMATCH which computer reports its state from there, for 12 h; logouts close them
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.by_position import POSITIONS
from sensor.sources.logs.formats.panos.columns import LOGINS
from sensor.sources.logs.formats.panos.session_end import cut_off
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.reasons import ALERT, NO_SERVICE
from sensor.sources.logs.text.words import one_of

#: Events by which a tunnel's address is given up, and how long one holds where no such event is seen.
_GONE = r"(?i)^gateway-(?:logout|config-release)$"
_RELEASED, _CONNECTED = "gateway-config-release", "gateway-connected"
_SAID = {"tunnel": "Private IP", "user": "User name", "device": "Device name"}
#: The name that was asked for, where a resolver's traffic is judged: bare, or in the threat's name.
_ASKED = r"(?i)^\"?(?:[^(]*\((?:[\w -]+:)?)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]+)\.?\)?\"?$"
#: What the address of who is behind a proxy says where there is none.
_NOBODY = ("", "0.0.0.0", "::")


def told(read: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of `COLUMNS`."""
    named = read.with_columns(pl.col("type").str.to_uppercase(), pl.col("subtype").str.to_lowercase())
    return named.with_columns(**_in_words()).select(
        **_when(), **_who(), **_what(), **_volume(), reason=_reason()
    )


def _in_words() -> dict[str, pl.Expr]:
    """Up to PAN-OS 9.0, system messages tell in words whom GlobalProtect gave an address."""
    said = {
        name: pl.col("text").str.extract(rf"{words}: ([^,]+?)\.?(?:,|$)") for name, words in _SAID.items()
    }
    mine = (
        (pl.col("type") == "SYSTEM") & said["tunnel"].is_not_null() & said["user"].is_not_null()
    ).fill_null(False)
    gone = pl.col("event_id").str.contains("(?i)logout|release")
    told = {
        "type": pl.lit("GLOBALPROTECT"),
        "event_id": one_of({_RELEASED: gone}, otherwise=_CONNECTED),
    } | said
    return {name: pl.when(mine).then(value).otherwise(name) for name, value in told.items()}


def _when() -> dict[str, pl.Expr]:
    precise = pl.col("precise").str.contains(r"^\d{4}-\d\d-\d\dT")
    # A session is logged when it has aged out, which may be long after its last packet.
    opened = pl.when(pl.col("opened").str.contains(r"^20\d\d/\d\d/\d\d ")).then("opened")
    offset = pl.col("precise").str.extract(r"T[\d:.]+([+-]\d\d:\d\d)$")
    began = pl.coalesce("began", pl.concat_str(opened, offset.fill_null("")))
    return {
        "time": pl.coalesce(began, pl.when(precise).then("precise").otherwise("generated")),
        "zone": pl.col("zone"),
        "at_end": (pl.col("type") == "TRAFFIC") & began.is_null(),
        "duration_s": pl.when(pl.col("type") == "TRAFFIC").then("elapsed"),
    }


def _who() -> dict[str, pl.Expr]:
    # Who stands behind a proxy in front of the firewall, where `x-forwarded-for` is logged.
    forwarded = pl.coalesce(
        pl.when(~pl.col(name).is_in(_NOBODY)).then(name) for name in ("xff_ip", "xff")
    ).str.extract(r"^(?:x-fwd-for: )?([0-9a-fA-F.:]{3,})")
    by_user = pl.col("user").str.extract(r"^x-fwd-for: ([0-9a-fA-F.:]+)")
    tunnel = pl.col("type") == "GLOBALPROTECT"
    return {
        "client": pl.when(tunnel)
        .then(pl.coalesce("tunnel", "src"))
        .otherwise(pl.coalesce(by_user, forwarded, "src")),
        "client_port": pl.col("sport"),
        "client_mac": pl.col("mac"),
        # Before a logon, GlobalProtect names the computer's tunnel so.
        "user_name": pl.when(by_user.is_null() & (pl.col("user") != "pre-logon")).then("user"),
        "device": pl.when(tunnel).then(pl.coalesce("endpoint", "device")).otherwise("device"),
        "server": pl.col("dst"),
        "server_port": pl.col("dport"),
        "transport": pl.col("proto"),
    }


def _is_url() -> pl.Expr:
    return (pl.col("type") == "URL") | ((pl.col("type") == "THREAT") & (pl.col("subtype") == "url"))


def _is_lookup() -> pl.Expr:
    """A lookup that DNS Security or a sinkhole list has judged."""
    judged = (pl.col("type") == "THREAT") & (pl.col("subtype") == "spyware") & (pl.col("dport") == "53")
    judged |= pl.col("type").str.contains("(?i)^dns.security$")
    return (judged & pl.col("url").str.contains(_ASKED)).fill_null(False)


def _what() -> dict[str, pl.Expr]:
    # A mapping that never times out has 0.
    timeout = pl.col("timeout").cast(pl.Float64, strict=False)
    last_port = pl.coalesce("last_port", pl.when(pl.col("type") == "USERID").then("dport"))
    return {
        "kind": one_of(
            {
                "lease": pl.col("type").is_in(LOGINS),
                "http": _is_url(),
                "dns": _is_lookup(),
                "tls": pl.col("type") == "DECRYPTION",
            },
            otherwise="flow",
        ),
        "host": pl.when(_is_lookup())
        .then(pl.col("url").str.extract(_ASKED))
        .otherwise(pl.coalesce("sni", "subject")),
        "name_from": one_of({"certificate": pl.col("sni").is_null()}),
        "url": pl.when(_is_url()).then(pl.coalesce("url", "host").str.strip_chars('\\"')),
        "method": pl.when(pl.col("method").str.to_lowercase() != "unknown").then(
            pl.col("method").str.to_uppercase()
        ),
        "user_agent": pl.when(_is_url()).then(pl.col("agent").str.strip_chars('"')),
        "action": one_of({"blocked": _is_cut_off()}, otherwise=pl.col("action")),
        "origin": one_of({"vpn": pl.col("type").is_in(["GLOBALPROTECT", "HIPMATCH"])}, otherwise="directory"),
        "lease_s": pl.when(_is_end())
        .then(0.0)
        .when(pl.col("type") == "USERID")
        .then(pl.when(timeout > 0).then(timeout).otherwise(HALF_DAY_S))
        .when(pl.col("type").is_in(["GLOBALPROTECT", "HIPMATCH"]))
        .then(HALF_DAY_S),
        "closes": _is_end(),
        # A range of ports: a terminal server's users share its address.
        "shared": pl.when(last_port.cast(pl.Int64, strict=False) > 0).then(True),
    }


def _is_cut_off() -> pl.Expr:
    """A session whose action tells of the rule that let it begin: what happened to it stands elsewhere."""
    ended = pl.col("subtype").is_in(["drop", "deny"]) | cut_off(pl.col("ended_by"), pl.col("sent"))
    return (pl.col("type") == "TRAFFIC") & ended.fill_null(False)


def _is_end() -> pl.Expr:
    """A logout: the address is held no more."""
    gone = pl.col("event_id").str.contains(_GONE) & (pl.col("type") == "GLOBALPROTECT")
    return (gone | ((pl.col("type") == "USERID") & (pl.col("subtype") == "logout"))).fill_null(False)


def _volume() -> dict[str, pl.Expr]:
    key = pl.concat_str(pl.col("serial").fill_null(""), "session", "src", "sport", separator="|")
    traffic = pl.col("type") == "TRAFFIC"
    return {
        "bytes_up": pl.when(traffic).then("sent"),
        "bytes_down": pl.when(traffic).then("received"),
        "packets_up": pl.when(traffic).then("packets_sent"),
        "packets_down": pl.when(traffic).then("packets_received"),
        "session": pl.when((pl.col("session") != "0") & ~_is_lookup()).then(key),
        "phase": one_of(
            {"begin": traffic & (pl.col("subtype") == "start"), "end": traffic}, otherwise="name"
        ),
    }


def _reason() -> pl.Expr:
    known = (
        (pl.col("type").is_in(list(POSITIONS)) & (pl.col("type") != "SYSTEM"))
        | (pl.col("type") == "URL")
        | _is_lookup()
    )
    login = pl.col("subtype").is_in(["login", "logout"]) & pl.col("user").is_not_null()
    connected = pl.col("event_id").str.contains(
        r"(?i)gateway-(?:connected|register|tunnel-latency|hip-report|setup-(?:ipsec|ssl))"
    )
    failed = pl.col("status").str.contains("(?i)fail").fill_null(False)
    reported = (pl.col("type") == "HIPMATCH") & pl.col("user").is_not_null()
    told = login | reported | ((connected | _is_end()) & pl.coalesce("tunnel", "src").is_not_null() & ~failed)
    leases = pl.col("type").is_in(LOGINS)
    threat = (pl.col("type") == "THREAT") & (pl.col("subtype") != "url") & ~_is_lookup()
    return one_of({NO_SERVICE: ~known.fill_null(False) | (leases & ~told.fill_null(False)), ALERT: threat})
