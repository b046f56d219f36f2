"""What a line tells, whatever its layout, as columns of text."""

from __future__ import annotations

#: NULL where a layout has no such field, or a line nothing in it.
COLUMNS = (
    # the record
    "type", "subtype", "serial", "generated", "precise", "zone",
    # both ends
    "src", "sport", "dst", "dport", "proto", "xff", "xff_ip", "user", "device", "mac",
    # a session, and what it carried
    "session", "action", "began", "opened", "elapsed", "ended_by",
    "sent", "received", "packets_sent", "packets_received",
    # a request, lookup or handshake
    "url", "host", "method", "agent", "sni", "subject",
    # a login, or an address that was given to somebody
    "event_id", "status", "timeout", "last_port", "tunnel", "endpoint", "text",
)  # fmt: skip
#: Types that tell who was at an address.
LOGINS = ("USERID", "GLOBALPROTECT", "HIPMATCH")
