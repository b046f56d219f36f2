"""The names of fields, and what a field of such a name holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: What a field holds, and the names it has: words, between which may be nothing, a space, `_`, `-` or `.`.
#: The first name that a record has counts. In JSON a word may be the key of an object around the value.
NAMES: dict[str, tuple[str, ...]] = {
    "client": (
        "src ip", "source ip", "src addr", "source addr", "src address", "source address", "src ip addr",
        "source ip address", "src ip address", "src ipv4", "src ipv6", "source ipv4", "client ip",
        "client addr", "client address", "client ip address", "client ip addr", "s addr", "c ip", "orig h",
        "caller ip", "caller ip address", "source ip port", "computer ip", "endpoint ip", "workstation ip",
        "consumer address", "consumer ip", "client", "forwarded for", "x forwarded for", "fwd",
        "internal ip", "internal ip address", "ip source", "ip src",
    ),
    # Beside the other end; else often who sent the log.
    "source": ("src", "source"),
    "client_port": (
        "src port", "source port", "client port", "client src port", "s port", "spt", "orig p",
        "src port number", "consumer port",
    ),
    "client_mac": (
        "src mac", "source mac", "client mac", "src mac address", "source mac address", "mac src",
        "mac source",
    ),
    "server": (
        "dst ip", "dest ip", "destination ip", "dst addr", "dest addr", "destination addr", "dst address",
        "dest address", "destination address", "dst ip addr", "destination ip address", "dest ip address",
        "dst ip address", "dst ipv4", "dst ipv6", "destination ipv4", "server ip", "server addr",
        "server address", "server ip address", "provider address", "provider ip", "d addr", "resp h",
        "target ip", "target address", "dst", "dest", "destination",
    ),
    "server_port": (
        "dst port", "dest port", "destination port", "server port", "target port", "d port", "dpt",
        "resp p", "dst port number", "provider port", "ds port",
    ),
    "local": ("local ip", "local addr", "local address", "local ip address", "l addr ip", "l addr"),
    "local_port": ("local port", "l addr port", "l port"),
    "remote": ("remote ip", "remote addr", "remote address", "remote ip address", "r addr ip", "r addr"),
    "remote_port": ("remote port", "r addr port", "r port"),
    "remote_host": ("remote host", "remote host name", "remote domain", "remote dns name"),
    # Beside a method and a path: what served the request tells who asked.
    "asker": (
        "real ip", "x real ip", "ip", "ip addr", "ip address", "user ip", "peer ip", "peer addr",
        "peer address", "requester ip", "requestor ip",
    ),
    "way": ("direction", "network direction", "connection direction", "traffic direction"),
    "transport": (
        "proto", "protocol", "ip proto", "ip protocol", "l4 proto", "l4 protocol", "transport",
        "transport protocol", "network transport", "protocol name", "network protocol", "ip proto name",
        "net proto",
    ),
    "user_name": (
        "user name", "src user", "source user", "src user name", "source user name", "client user",
        "client user name", "user email", "user", "account name", "login name", "user principal name",
        "upn", "auth user", "suser", "cs user name", "sam account name",
    ),
    "device": (
        "src host", "src host name", "source host", "source host name", "client host", "client host name",
        "src device", "source device", "src name", "client name", "source name",
    ),
    "url": (
        "url", "request url", "full url", "url full", "url original", "http url", "uri", "request uri",
        "dest url", "destination url", "target url", "client request uri",
    ),
    "web_host": (
        "http host", "host header", "request host", "http host name", "headers host", "authority",
        "url host", "url domain", "url host name", "cs host", "client request host", "request host name",
        "app host",
    ),
    # Of a request, or with a port, the one that was asked; else often the machine that logged.
    "any_host": ("host",),
    "request": ("request", "request line", "http request"),
    "sni": (
        "sni", "tls sni", "ssl sni", "tls server name", "ssl server name", "requested server name",
        "server name indication", "client hello server name", "tls client server name", "server name sni",
        "ndpi hostname",
    ),
    "named": (
        "dst host", "dest host", "destination host", "dst host name", "dest host name",
        "destination host name", "dst domain", "dest domain", "destination domain", "dst fqdn",
        "destination fqdn", "dst name", "dest name", "destination name", "server host name", "target host",
        "target host name", "target domain",
    ),
    "question": (
        "query", "q name", "dns query", "query name", "question name", "dns question", "dns question name",
        "dns query name", "domain", "domain name", "fqdn", "question",
    ),
    "type": (
        "q type", "query type", "q type name", "record type", "dns type", "question type", "dns qtype",
        "dns query type", "rr type", "dns question type",
    ),
    "rcode": (
        "r code", "r code name", "response code name", "dns rcode", "dns response code", "reply code",
    ),
    "path": (
        "uri path", "url path", "request path", "http path", "uri stem", "cs uri stem",
        "client request path", "req path",
    ),
    # Of a request; else often a program's.
    "any_path": ("path",),
    "method": (
        "http method", "request method", "method", "verb", "http request method", "cs method",
        "client request method",
    ),
    "status": (
        "http status", "status code", "response code", "http status code", "response status", "status",
        "http response code", "http code", "sc status", "edge response status", "rsp code", "resp code",
    ),
    "agent": (
        "user agent", "http user agent", "headers user agent", "request user agent", "cs user agent",
        "client request user agent", "ua",
    ),
    "action": (
        "action", "act", "verdict", "disposition", "decision", "policy action", "rule action", "fw action",
        "firewall action", "device action", "filter action", "reaction", "event action", "final action",
        "enforcement action",
    ),
    # Of a lookup: `Blocked`, else where its answer came from.
    "answered": ("response type", "result", "query result"),
    "blocked": ("blocked", "is blocked"),
    "let_through": ("allowed", "is allowed"),
    "up": (
        "src bytes", "source bytes", "bytes src", "orig bytes", "bytes to server", "bytes toserver",
        "client bytes", "bytes from client", "c2s bytes", "bytes c2s", "src2dst bytes", "c to s bytes",
        "client to server bytes", "bytes client to server", "fwd bytes", "forward bytes", "upload bytes",
        "bytes up", "up bytes", "bytes uploaded", "uploaded bytes", "request size", "request bytes",
        "request length", "bytes written to server", "originator bytes", "s bytes", "cs bytes",
        "client request bytes", "req size", "req bytes", "req length", "net sent bytes",
    ),
    "down": (
        "dst bytes", "dest bytes", "destination bytes", "bytes dst", "resp bytes", "bytes to client",
        "bytes toclient", "server bytes", "bytes from server", "s2c bytes", "bytes s2c", "dst2src bytes",
        "s to c bytes", "server to client bytes", "bytes server to client", "bwd bytes", "backward bytes",
        "rev bytes", "download bytes", "bytes down", "down bytes", "bytes downloaded", "downloaded bytes",
        "response size", "response bytes", "response length", "bytes written to client", "responder bytes",
        "d bytes", "body bytes sent", "sc bytes", "edge response bytes", "response body size", "rsp size",
        "rsp bytes", "resp size", "resp length", "net recv bytes",
    ),
    # Of a connection the client's view; of a request some servers mean their own.
    "sent": ("sent bytes", "bytes sent", "sent byte", "send bytes"),
    "received": ("received bytes", "bytes received", "rcvd bytes", "rcvd byte", "recv bytes", "bytes recv"),
    "time": (
        "edge start timestamp", "start time", "timestamp start", "flow start", "session start",
        "start timestamp", "begin time", "started at", "event start", "first seen",
        "bidirectional first seen ms", "flow first seen", "time start", "event time", "timestamp",
        "time stamp", "@timestamp", "datetime", "date time", "utc time", "event timestamp", "log time",
        "generated time", "time generated", "event date", "created at", "time created", "created", "ts",
        "time", "event ts", "request time", "last blocked", "s time", "start", "receive time",
        "received time", "log timestamp", "data timestamp", "utc timestamp", "t",
    ),
    "day": ("date", "log date"),
    "mail": (
        "recipient", "recipients", "sender envelope", "envelope from", "mail from", "rcpt to", "email from",
        "email sender", "email recipient", "email subject", "header from", "recipient address",
    ),
    "attack": (
        "attack", "attack name", "attack type", "signature", "signature id", "signature name", "alert name",
        "threat name", "malware", "virus", "virus name", "cve", "alarm id", "alarm name", "alarm type",
    ),
}  # fmt: skip
SEPARATORS = r"[ _.\-]"
#: An object of such a name tells of other ends: addresses after translation, or who observed.
OTHERS = "x?nat|nated|translated|trans|xlate|mapped|observer"
#: What Log Analytics adds to a name: its type (`srcip_s`), the zone.
_SUFFIX = r"(?i)(?:_[sdgbt])?(?: \[utc\])?$"
#: What those put before names that make one level of several.
LEVELS = r"(?:(?:json)?payload|data|events?|fields|properties|record|result|connection|attributes|details)_"


def spelled(*fields: str) -> str:
    """A regular expression of the names of `fields`."""
    return one_of_names(name for field in fields for name in NAMES[field])


def one_of_names(names: Iterable[str]) -> str:
    """A regular expression of `names`, their words with any separator or none between."""
    longest_first = sorted(names, key=len, reverse=True)
    return "(?:" + "|".join(name.replace(" ", f"{SEPARATORS}?") for name in longest_first) + ")"


def bare(name: str) -> str:
    """`name` in lower case, without separators and what Log Analytics adds."""
    return "".join(sign for sign in re.sub(_SUFFIX, "", name).lower() if sign not in " _-.")


_HOLDING = {bare(name): (field, rank) for field, names in NAMES.items() for rank, name in enumerate(names)}


def holding(name: str) -> tuple[str, int] | None:
    """What a field called `name` holds, and the place of the name among those for it; None if not known.

    The name of a level before it counts only where it is needed: `record_type`.
    """
    return _HOLDING.get(bare(name)) or _HOLDING.get(bare(re.sub(rf"^{LEVELS}", "", name.lower())))
