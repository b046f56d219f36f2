"""Why records are set aside or rejected, in one vocabulary for all sources.

Reasons are counted by their words, after a scan and in the view `rejects`. So the same thing is called the
same everywhere, whether a product calls its records events, messages or logs. Formats take their reasons from
here; a new one is added only if none of these says what is meant.
"""

from __future__ import annotations

#: Prefix of the reason for a record that was understood and left out on purpose. Without it, the record could
#: not be read.
SET_ASIDE = "set aside: "


# --- what a log holds besides use
#: it says what the lines below it hold
HEADER = "set aside: header"
#: an event, alert or record of another kind
NO_SERVICE = "set aside: names no service"
OWN_MESSAGE = "set aside: product's own message"
MAIL = "set aside: mail"
SUMMARY = "set aside: summary of the records before it"
REPEATED = "set aside: repeats an earlier record"
ALERT = "set aside: alert (its connection is logged apart)"

# --- connections
NO_PORTS = "set aside: neither TCP nor UDP"
NO_CONNECTION = "set aside: names no connection"
NO_DESTINATION = "set aside: names no destination"
NO_DATA = "set aside: interval without data"
FROM_OUTSIDE = "set aside: connection from outside"
LOOPBACK = "set aside: inside the computer (loopback address)"
CONNECTION_LOG = "set aside: connection log (the access log has its requests)"
CLOSED = "set aside: end of a connection (its beginning counts)"
STRAY = "set aside: packet of a connection already closed"
TWICE = "set aside: seen at another interface, too"
OTHER_END = "set aside: flow as its destination saw it (its source counts)"
#: Suricata 8 writes an event for each Initial; the first of a hello in two datagrams holds no name
NO_SNI = "set aside: QUIC packet without a name (its flow counts)"
SAID_AGAIN = "set aside: says again what its session said"
TUNNEL_ITSELF = "set aside: no traffic but that of the tunnel itself"
TRANSLATION = "set aside: translation, no verdict"
TO_RESOLVER = "set aside: conversation with a resolver"

# --- requests
NO_REQUEST = "set aside: names no request"
NO_PAGE = "set aside: names no page"
NO_NETWORK = "set aside: not from the network (data, blob, extension or file)"
#: a proxy asks who it is: the same request follows with the account
CHALLENGE = "set aside: challenge for a password"
LEFT_EARLY = "set aside: left before any request"
INSPECTED = "set aside: CONNECT that is decrypted (its requests are logged apart)"
OWN_REQUEST = "set aside: product's own request"
CERTIFICATE = "set aside: certificate check of a tunnel"

# --- lookups
NO_LOOKUP = "set aside: names no lookup"
NO_NAME = "set aside: not a host name (single label or invalid)"
HIDDEN = "set aside: hidden, or not a host name"
REVERSE = "set aside: reverse lookup (PTR)"
ANSWERED = "set aside: answer to a lookup (its question counts)"
NOT_A_QUERY = "set aside: DNS update or notify (opcode)"
RESOLVERS_OWN = "set aside: resolver's own lookup"
HOSTED_ZONE = "set aside: hosted zone's log (asked by the world, not by our clients)"
NEIGHBOURS = "set aside: lookup by multicast or NetBIOS, inside the local network"

# --- who has an address
NO_CLIENT = "set aside: names no client"
NO_SIGN_IN = "set aside: no sign-in"
FAILED_SIGN_IN = "set aside: sign-in that failed"
SIGN_IN_OF_A_PROGRAM = "set aside: sign-in of a program or service"
PASSED_ON = "set aside: sign-in passed on by a server"
SIGNED_OUT = "set aside: session that is not authenticated"
NO_ADDRESS = "set aside: gives no address"
NO_HOLDER = "set aside: tells no holder of an address"
LEASE_OF_NOBODY = "set aside: lease of nobody"
NOT_HELD = "set aside: lease that is not held"
SERVERS_OWN = "set aside: server's own identifier"
INTERFACE = "set aside: interface itself"
NO_HANDSHAKE = "set aside: peer without a handshake"
NETWORK_BEHIND = "set aside: network behind a peer"

# --- what could not be read
#: the log says so itself
LOST = "lost: could not be written when they happened"
UNREADABLE = "layout that cannot be read"
NO_TIME = "no time that can be read"
