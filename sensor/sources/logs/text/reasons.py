"""Why records are set aside, in the words that several formats share; what only one says stands there.

Reasons are counted by their words, after a scan and in the view `rejects`. So the same thing must be
called the same everywhere, whether a format calls its records events, messages or logs.
"""

from __future__ import annotations

#: How the reason begins for a record that was understood, and left out on purpose. Any other reason says
#: that it could not be read.
SET_ASIDE = "set aside: "

#: says what the lines below it hold
HEADER = "set aside: header"

# --- connections
NO_PORTS = "set aside: neither TCP nor UDP"
NO_CONNECTION = "set aside: names no connection"
NO_DESTINATION = "set aside: names no destination"
FROM_OUTSIDE = "set aside: connection from outside"
CLOSED = "set aside: end of a connection (its beginning counts)"

# --- requests
NO_REQUEST = "set aside: names no request"
NO_PAGE = "set aside: names no page"
#: a proxy asks who it is: the same request follows with the account
CHALLENGE = "set aside: challenge for a password (407)"
LEFT_EARLY = "set aside: left before any request"

# --- lookups
NO_LOOKUP = "set aside: names no lookup"
REVERSE = "set aside: reverse lookup (PTR)"
ANSWERED = "set aside: answer to a lookup (its question counts)"
NOT_A_QUERY = "set aside: DNS update or notify (opcode)"
SERVER_MESSAGE = "set aside: no lookup (server message)"
SERVER_EVENT = "set aside: DNS server event that is no client's lookup"

# --- who has an address
FAILED_SIGN_IN = "set aside: sign-in that failed"
NO_ADDRESS = "set aside: gives no address"
LEASE_OF_NOBODY = "set aside: lease of nobody"
