r"""HPE Aruba: ClearPass session and accounting exports, user authentications of ArubaOS and Instant.

    2026-10-06 10:00:00,123 10.0.0.5 Radius Acct 11 1 0 RADIUS.Acct-Username=ada,RADIUS.Acct-Framed-IP-…
    CEF:0|Aruba Networks|ClearPass|6.11|13-1-0|Radius Accounting|0|RADIUS.Acct-Username=ada …
    <522008> <NOTI> |authmgr|  User Authentication Successful: username=ada MAC=… IP=10.1.2.3 role=… AP=…
    <522006> <INFO> |authmgr|  MAC=… IP=10.1.2.3 User entry added: reason=…         <522005>: deleted
    <501199> <NOTI> AP:ap1 <192.0.2.1 …>  User authenticated, mac-…, username-ada, IP-10.1.2.3, …
    CEF:0|Aruba|A72xx|…|log|SystemEvent|5|… msg=<522008> <14114> <NOTI> \|authmgr\|  User Authentication …

A ClearPass template names its columns freely, so several spellings of each are understood; `NAS-IP-Address`
is the controller and never read, and `dst` only of a profile (Endpoints), whose device it is. Accounting
holds the address for 12 h, `Stop` says the whole session by `Acct-Session-Time`; an authentication
holds it for 10 h. Other messages are set aside. Sources: ClearPass Policy Manager User Guide, "Syslog export
filters"; ArubaOS Syslog Messages Reference Guide, 501199, 522005, 522006, 522008.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, patterns
from sensor.sources.logs.text.held import HALF_DAY_S, WORKING_DAY_S
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_CLEARPASS = {
    "user": "RADIUS.Acct-Username|RADIUS.Acct-User-Name|Common.Username|Auth.Username|Auth.User-Name|"
    "RADIUS.Auth-Username|WEBAUTH.Auth-Username|duser|suser",
    "address": "RADIUS.Acct-Framed-IP-Address|Acct-Framed-IP-Address|Auth.Framed-IP-Address|"
    "Common.Host-IP-Address|Endpoint.IP-Address|IP-Address",
    "mac": "RADIUS.Acct-Calling-Station-Id|Common.Host-MAC-Address|Auth.Host-MAC-Address|"
    "Endpoint.MAC-Address|dmac",
    "device": "Endpoint.Hostname|Common.Host-Name|Endpoint.Host-Name",
    "profiled": "dst",
    "received": "rt",
    "status": "RADIUS.Acct-Status-Type|Acct-Status-Type",
    "lasted": "RADIUS.Acct-Session-Time|Acct-Session-Time",
    "login": "Common.Login-Status|Auth.Login-Status|Common.Error-Code",
}  # fmt: skip
_HEAD = (
    r"^(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{1,6}) \S+ [\w .-]+? \d+ \d+ \d+ "
    r"|^.*?\bCommon\.Request-Timestamp=(?<asked>[^,=]+?)(?:,| [A-Za-z.]+=|$)"
)
_CEF = r"(?i)(?:CEF:\s*\d|^\s*\d)\|(?:Aruba|HPE)[^|]*\|ClearPass"
#: Some processes stand before their messages: `msg=2[4387]: <522275> …`.
_CONTROLLER_CEF = r"CEF:\s*\d\|Aruba\|.*\bmsg=(?:\S+: )?<\d{6}> "
_PROFILE = r"\|ClearPass\|[^|]*\|[^|]*\|Endpoints\|"
_OURS = r"\b(?:RADIUS|Common|Auth|WEBAUTH|TACACS|Endpoint)\.[A-Z][\w-]+="
_AUTHMGR = (
    r"<522008>.*?username=(?<user>.*?) MAC=(?<mac>[0-9A-Fa-f:-]{12,17}) IP=(?<address>[0-9A-Fa-f.:]+)"
    r"|<52200[56]>.*?MAC=(?<mac3>[0-9A-Fa-f:]{17}) IP=(?<address3>[0-9A-Fa-f.:]+) "
    r"User entry (?<what>added|deleted)"
    r"|<501199>.*?mac-(?<mac2>[0-9A-Fa-f:]{17}), username-(?<user2>.*?), IP-(?<address2>[0-9A-Fa-f.:]+),"
)


class ArubaFormat(LogFormat):
    """Reads ClearPass exports and ArubaOS authentications."""

    name = "aruba"
    help = "HPE Aruba ClearPass 6 (syslog export, CEF), ArubaOS 6 to 8 and Instant authentications"
    vantage = "identity"
    proof = ("user", "device")
    advice = (
        "Export ClearPass's RADIUS accounting with Acct-Username, Acct-Framed-IP-Address, "
        "Acct-Calling-Station-Id, Acct-Status-Type and Acct-Session-Time."
    )
    marks = (
        "radius.", "common.", "auth.", "tacacs.", "endpoint.", "|clearpass", "> <", "|aruba|",
    )  # fmt: skip
    claims = (
        (
            pl.col("line").str.contains(
                r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{1,6} \S+ [\w .-]+? \d+ \d+ \d+ "
            )
            & pl.col("line").str.contains(_OURS)
        )
        | pl.col("line").str.contains(_CEF)
        | pl.col("line").str.contains(_CONTROLLER_CEF)
        | pl.col("line").str.contains(r"^(?:\S+ )?<\d{6}> (?:<\d+> )?<(?:NOTI|ERRS|WARN|INFO|DBUG|CRIT)> ")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        return layouts.read(lines, [(r"<\d{6}> ", _controller), (pl.lit(True), _clearpass)])


def _controller(lines: pl.DataFrame) -> pl.DataFrame:
    # CEF escapes what stands for itself in syslog.
    text = lines["line"].str.replace_all(r"\\([=|])", "$1")
    read = patterns.read(text, _AUTHMGR)
    address = pl.coalesce("address", "address2", "address3")
    gone = (pl.col("what") == "deleted").fill_null(False)
    return read.select(
        kind=pl.lit("lease"),
        client=address,
        client_mac=pl.coalesce("mac", "mac2", "mac3"),
        user_name=_person(pl.coalesce("user", "user2")),
        lease_s=pl.when(gone).then(0.0).otherwise(WORKING_DAY_S),
        closes=gone,
        origin=pl.lit("radius"),
        confidence=pl.lit(0.8),
        reason=one_of({NO_SIGN_IN: address.is_null()}),
    )


def _clearpass(lines: pl.DataFrame) -> pl.DataFrame:
    line = lines["line"]
    is_cef = line.str.contains(_CEF)
    text = pl.select(pl.when(is_cef).then(line.str.replace(r"^.*\|", "")).otherwise(line)).to_series()
    commas = keyvalue.read(text, _CLEARPASS, separator=",")
    spaces = keyvalue.read(text, _CLEARPASS, spaced=True)
    read = commas.with_columns(
        pl.when(is_cef).then(spaces[name]).otherwise(name).alias(name) for name in commas.columns
    ).hstack(patterns.read(line, _HEAD))
    profile = pl.lit(line.str.contains(_PROFILE))
    read = read.with_columns(address=pl.coalesce("address", pl.when(profile).then("profiled")))
    status = pl.col("status").str.to_lowercase()
    stop = (status == "stop").fill_null(False)
    lasted = pl.col("lasted").cast(pl.Float64, strict=False)
    failed = pl.col("login").str.contains("(?i)reject|fail|timeout").fill_null(False)
    return read.select(
        time=pl.coalesce("time", "asked", "received"),
        at_end=stop,
        duration_s=pl.when(stop).then(lasted),
        kind=pl.lit("lease"),
        client="address",
        client_mac="mac",
        user_name=_person(pl.col("user")),
        device="device",
        lease_s=pl.when(stop)
        .then(lasted.fill_null(0))
        .when(status.is_not_null())
        .then(HALF_DAY_S)
        .otherwise(WORKING_DAY_S),
        closes=stop,
        origin=pl.lit("radius"),
        confidence=pl.when(status.is_not_null()).then(0.9).otherwise(0.8),
        reason=one_of(
            {
                FAILED_SIGN_IN: failed,
                NO_SIGN_IN: pl.col("address").is_null()
                | (pl.col("user").is_null() & pl.col("mac").is_null()),
            }
        ),
    )


def _person(user: pl.Expr) -> pl.Expr:
    """A user name that is a hardware address is no person."""
    return pl.when(~user.str.contains(r"(?i)^(?:[0-9a-f]{2}[-:.]?){6}$")).then(user)
