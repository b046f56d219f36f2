"""Logs known to say nothing of network use: a wrong file is told at once, and never read as another's.

Teleport audit; Cisco Secure Endpoint; ForgeRock; Mimecast; Defender and XDR alerts; Snort, Firepower and
Suricata alerts as text; messages of NX-OS, Comware and VRP; Darktrace, Vectra and Radware alerts; FortiMail;
Microsoft 365 audit; decoys; DNS records as configured; and what the daemons of an appliance or server write
beside (`_DAEMONS`: by the program's name in the syslog head, where no format claims the line). What may be
read of the same makers stands in formats of their own.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_SERVICE

_TEXT = (
    r"\[\*\*\] \[\d+:\d+:\d+\] .*\[\*\*\] |"
    r"\[\d+:\d+:\d+\] .*\[Classification: [^\]]*\] ?\[Priority: \d\]|"
    r"%[A-Z][A-Z0-9_]+(?:-[A-Z0-9_]+)?-[0-7]-[A-Z0-9_]+: |"
    r"^%%\d\d[A-Z][A-Z0-9_]*/[0-7]/\w+"
)
#: Programs whose messages are of the machine itself, whatever they say. Case of ASCII only: compiles faster.
_DAEMONS = (
    r"(?i-u)^(?:-?serial_console|acpid|agetty|anacron|apcupsd|apinger|arpwatch|at(?:d|run)|"
    r"audispd|auditd|avahi-daemon|chronyd|"
    r"check_reload_status|configd(?:\.py)?|cron(?:d|tab)?|dbus(?:-daemon)?|debug_mount|dhclient|"
    r"dhcp6c|dhcpleases6?|dpinger|"
    r"filterdns|getty|hostapd|igmpproxy|init|irqbalance|kernel|keepalived|lighttpd|lldpd|login|"
    r"logrotate|minicron|"
    r"miniupnpd|monit(?:or)?|mpd|newsyslog|ntpd(?:ate)?|openntpd|pam_unix|php(?:-fpm|-cgi)?|"
    r"polkitd?|postfix/\w+|raslogd|"
    r"python\d?|rc(?:\.[\w.]+|\d)?|rsyslogd|rtsold|sendmail|sensord?|smartd|snmpd|"
    r"snort|sshd(?:-session)?|sshguard|su(?:do)?|"
    r"syslog(?:d|-ng)|systemd(?:-[\w-]+)?|telegraf|threat-protect-log|tcpdump|upsmon|useradd|"
    r"usbhid|watchdog|wpa_supplicant|"
    r"xinetd|zabbix_\w+|zebra|bgpd|ospfd)$"
)
#: A daemon that tells of a connection, in fields: `SRC=10.1.2.3 DST=192.0.2.7`.
_CONNECTION = r"(?i)\b(?:src|source)\w*[=:]\"?[\da-f]+[.:][\da-f.:]+.*\b(?:dst|dest)\w*[=:]\"?[\da-f]+[.:]"
#: An appliance's own audit: `2026-10-06 10:00:00.1Z [admin]: Login_Allowed - - …` (NIOS).
_NIOS_AUDIT = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+Z \[[^\]]+\]: "
#: ClearPass: `All Audits 30 1 0 Timestamp=Oct 6, 2026 …,Source=…`; a session's address would be of use.
_CLEARPASS = r" \d+ \d+ \d+ (?:event_source=|Timestamp=[A-Z][a-z]+ \d+, \d{4} [^,]*,Source=)"
_DARKTRACE = r"^darktrace(?:_\w+)? \{|^\{.*\"(?:pbid|child_id)\":"
_RADWARE = r"\bM_\d{5}: "
#: Junos: `UI_LOGIN_EVENT: …`; ArubaOS-Switch: `ST1-CMDR: port 1 …`; ArubaOS-CX: `Event|105|LOG_INFO|…`; the
#: reverse proxies of Sophos UTM and Barracuda WAF, which the world visits.
_SWITCHES = (
    r"^[A-Z][A-Z0-9]{1,14}_[A-Z0-9_]{3,60}: |^ *ST\d+-(?:CMDR|STBY|MMBR): |^Event\|\d+\|LOG_[A-Z]+\||"
    r"\bid=\"0299\" srcip=\"|CEF: ?0\|F5\|ASM\||\battackDescription=\S+ .*\blogType=WF\b"
)
_FORTIMAIL = (
    r"\bdevice_id=\"?\w+\"? log_id=\"?\d{10}\"? "
    r"type=\"?(?:statistics|kevent|event|virus|spam|encrypt|history|mail)\b.* pri=\"?[a-z]+"
)


class AuditOnlyFormat(LogFormat):
    """Recognises logs without network use."""

    name = "audit-only"
    help = (
        "without network use, set aside: Teleport, Cisco Secure Endpoint, ForgeRock, Mimecast, "
        "Defender, Snort, Darktrace, Vectra, ExtraHop and Radware alerts, FortiMail, ClearPass, "
        "Microsoft 365, NX-OS; "
        "daemons' messages beside those of others"
    )
    vantage = "mixed"
    generic = True
    proof = ()
    advice = "Such a log does not say who used what: scan the log of the proxy, resolver or firewall."
    claims = (
        objects.having("cluster_name", "code", "ei", "event")
        | objects.having("event_type_id", "connector_guid")
        | objects.having("payload", "eventName", "component")
        | objects.having("accountCode", "processingId")
        | objects.having("alertId", "incidentId")
        | objects.having("sid", "gid", "pkt_gen", "rule")
        | pl.col("line").str.contains(
            ascii_only(f"{_TEXT}|{_DARKTRACE}|{_RADWARE}|{_FORTIMAIL}|{_NIOS_AUDIT}|{_CLEARPASS}|{_SWITCHES}")
        )
        | pl.col("tag").str.contains(r"^(?:vectra_|darktrace)").fill_null(False)
        | (pl.col("tag").str.contains(_DAEMONS).fill_null(False) & ~pl.col("line").str.contains(_CONNECTION))
        | objects.having("integration", "office365")
        | objects.having("Workload", "Operation", "RecordType", "UserId")
        | objects.having("decoy.id", "kill_chain_phase")
        | objects.having("participants", "risk_score", "mitre_tactics")
        | objects.having("absolute_zone_name", "rdata")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line, none of them used."""
        # Not `select` alone: literals would make one row.
        return lines.with_columns(reason=pl.lit(NO_SERVICE)).select("reason")
