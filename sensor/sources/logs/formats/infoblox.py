"""Infoblox beside its query log (BIND's, see `bind.py`): RPZ hits and DNS responses in CEF, BloxOne as JSON.

    CEF:0|Infoblox|NIOS|8.6.2|RPZ-QNAME|NXDOMAIN|7|app=DNS src=10.1.0.7 … msg="rpz QNAME NXDOMAIN rewrite …"
    CEF:0|Infoblox|NIOS Threat|8.6.2|120303001|Blacklist:…|7|src=10.1.0.7 … act="DROP" … fqdn=www.example.org
    CEF:0|Infoblox|Data Connector|2.1.3|DNS Response|…|src=… destinationDnsDomain=… InfobloxDNSRCode=NOERROR …
    CEF:0|Infoblox|Data Connector|2.1.3|DHCP-LEASE-CREATE|…|src=… smac=… shost=… InfobloxLifetime=3600 …
    {"address": "10.1.0.7", "hardware": "02:00:…", "hostname": "…", "starts": "…", "ends": "…", "state": …}
    {"event_time": "…", "qip": "203.0.113.1", "private_ip": "10.1.0.7", "device": "…", "user": "…",
     "qname": "www.example.org", "qtype": "A", "rcode": "PASSTHRU", "policy_action": "Log", …}  threat defense

`qip` asked the cloud: a site's own address where `private_ip` is that of a device with an endpoint.
Sources: Infoblox NIOS Administrator Guide, "RPZ logs"; BloxOne DDI lease API; BloxOne Threat Defense, DNS
event API; Data Connector CEF.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.bind import PASSING
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, lookups, objects, patterns
from sensor.sources.logs.text.reasons import NO_LOOKUP, NOT_HELD
from sensor.sources.logs.text.words import one_of, said

_CEF = (
    "src", "spt", "dst", "suser", "User-Name", "shost", "dvchost", "smac", "msg", "rt", "qtype", "act",
    "destinationDnsDomain",
    "InfobloxDNSQName", "InfobloxDNSQType", "InfobloxDNSRCode", "InfobloxB1PolicyAction",
    "InfobloxLifetime", "InfobloxLeaseOp", "fqdn",
)  # fmt: skip
_LEASE = {
    "address": "address", "mac": "hardware", "device": "hostname|client_hostname",
    "starts": "starts", "ends": "ends",
    "state": "state|binding_state",
    "protocol": "protocol",
}  # fmt: skip
_THREAT = {
    "time": "event_time", "private": "private_ip", "asker": "qip", "mac": "mac_address", "device": "device",
    "user": "user", "host": "qname", "type": "qtype", "rcode": "rcode", "action": "policy_action",
    "rdata": "rdata",
}  # fmt: skip
_NAME, _ADDRESS = "[g-zG-Z]", r"^(?:\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$"
_POLICY = r"(?P<off>disabled )?rpz \S+ (?P<policy>[A-Za-z-]+) rewrite (?P<name>[^\s/\[]+)"
#: An appliance's own file: `2026-10-06T10:00:00+02:00 daemon (none) named[1]: info CEF:…`.
_STAMP = r"^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) "
_FREE = ("free", "expired", "released", "abandoned", "declined", "backup")


class InfobloxFormat(LogFormat):
    """Reads Infoblox CEF events and BloxOne leases."""

    name = "infoblox"
    help = (
        "Infoblox NIOS RPZ events, Data Connector DNS responses and leases (CEF), BloxOne leases and DNS "
        "events (JSON); query log: bind"
    )
    vantage = "dns"
    proof = ("host", "user", "device", "action")
    marks = ("|infoblox|", '"hardware"', '"qip"')
    claims = (
        cef.claims("Infoblox")
        | (
            objects.having("hardware", "starts")
            & objects.having_any("preferred_lifetime", "ha_group", "fingerprint", "binding_state")
        )
        | objects.having("event_time", "qname", "qip", "rcode")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Lookups (kind dns) and leases."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{.*\"qip\"", lambda part: _threats(objects.read(part["line"], _THREAT))),
                (r"^\s*\{", lambda part: _leases(objects.read(part["line"], _LEASE))),
                (pl.lit(True), lambda part: _events(part["line"])),
            ],
        )


def _threats(read: pl.DataFrame) -> pl.DataFrame:
    device, action = pl.col("device"), pl.col("action").str.to_lowercase()
    refused = action.is_in(["block", "redirect"])
    passed = action.is_in(["allow", "log"]) | (pl.col("rcode") == "PASSTHRU")
    return read.select(
        "time",
        kind=pl.lit("dns"),
        client=pl.coalesce(
            said("private"), pl.when(device.str.contains(_ADDRESS)).then(device), said("asker")
        ),
        client_mac=said("mac"),
        user_name="user",
        device=pl.when(device.str.contains(_NAME)).then(device),
        host="host",
        action=one_of({"blocked": refused, "allowed": passed}, otherwise=lookups.verdict(pl.col("rcode"))),
        answers=pl.col("rdata").str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+"),
        qtype=pl.col("type"),
    )


def _events(line: pl.Series) -> pl.DataFrame:
    read = cef.read(line, _CEF).with_columns(stamp=line.str.extract(_STAMP))
    policy = patterns.read(read["msg"], _POLICY)
    is_lease = pl.col("event").str.starts_with("DHCP-LEASE").fill_null(False)
    told = pl.coalesce(
        said("destinationDnsDomain"),
        said("InfobloxDNSQName"),
        pl.lit(policy["name"]),
        said("fqdn"),
        # Some releases of the connector have the name for a destination.
        pl.when(pl.col("dst").str.contains(r"(?i)^[^:]*[g-z][^:]*$")).then("dst"),
    )
    host = pl.when(~is_lease).then(told)
    action = pl.coalesce(said("InfobloxB1PolicyAction"), said("act").str.strip_chars('"'))
    # `DNS Response IN A NOERROR`: the event's name ends with the code.
    rcode = pl.col("name").str.extract(r"^DNS Response .* ([A-Z]+)$")
    asked = pl.col("name").str.extract(r"^DNS Response \w+ (\w+) ")
    # A hit that answers with another address is no answer.
    redirected = pl.coalesce(action, "event").str.contains("(?i)redirect")
    # A device that is known by its address only has that for a name.
    named = pl.when(pl.col("dvchost").str.contains(_NAME)).then("dvchost")
    ended = is_lease & (pl.col("InfobloxLeaseOp").str.to_lowercase() == "delete").fill_null(False)
    held = is_lease & pl.col("InfobloxLeaseOp").str.to_lowercase().is_in(["create", "update"])
    passed = pl.lit(policy["policy"]).str.to_uppercase().is_in(PASSING) | pl.lit(policy["off"]).is_not_null()
    return read.select(
        time=pl.coalesce(said("rt"), "stamp"),
        kind=one_of({"lease": is_lease}, otherwise="dns"),
        client="src",
        client_port="spt",
        client_mac=said("smac"),
        user_name=pl.coalesce(said("suser"), said("User-Name")),
        device=pl.coalesce(said("shost"), named),
        host=host,
        server=pl.when(~is_lease).then("dst"),
        lease_s=one_of({"0": ended}, otherwise=pl.when(is_lease).then("InfobloxLifetime")),
        closes=ended,
        origin=one_of({"dhcp": is_lease}),
        action=pl.when(pl.lit(policy["policy"]).is_not_null())
        .then(one_of({"allowed": passed}, otherwise="blocked"))
        .when(~is_lease)
        .then(
            one_of(
                {"blocked": redirected},
                otherwise=pl.coalesce(action, lookups.verdict(pl.coalesce("InfobloxDNSRCode", rcode))),
            )
        ),
        qtype=pl.coalesce("InfobloxDNSQType", "qtype", asked),
        reason=one_of({NOT_HELD: is_lease & ~held & ~ended, NO_LOOKUP: ~is_lease & host.is_null()}),
    )


def _leases(read: pl.DataFrame) -> pl.DataFrame:
    begin = pl.col("starts").str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
    end = pl.col("ends").str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
    return read.select(
        time="starts",
        kind=pl.lit("lease"),
        client="address",
        client_mac="mac",
        device="device",
        lease_from=begin,
        lease_to=end,
        origin=pl.lit("dhcp"),
        reason=one_of({NOT_HELD: pl.col("state").str.to_lowercase().is_in(_FREE)}),
    )
