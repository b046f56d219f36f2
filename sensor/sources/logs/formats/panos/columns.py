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
#: The fields' own names: in pairs, and in objects made of them.
OWN_NAMES = {
    "serial": "serial", "type": "type", "subtype": "subtype", "generated": "time_generated",
    "precise": "high_res_timestamp", "src": "network.client.ip|src", "dst": "network.destination.ip|dst",
    "user": "usr.id|srcuser|suser", "session": "sessionid",
    "sport": "network.client.port|sport",
    "dport": "network.destination.port|dport", "proto": "proto",
    "action": "evt.name|action|act",
    "sent": "network.bytes_read|bytes_sent", "received": "network.bytes_written|bytes_received",
    "opened": "start", "elapsed": "elapsed", "ended_by": "session_end_reason",
    "packets_sent": "pkts_sent|pktsent",
    "packets_received": "pkts_received|pktrcvd", "url": "misc",
    "agent": "http.useragent|user_agent", "method": "http_method", "xff_ip": "xff_ip", "device": "src_host",
    "mac": "src_mac", "sni": "sni",
}  # fmt: skip
