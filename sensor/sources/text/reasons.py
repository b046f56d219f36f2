"""Why records are set aside, in the words that several formats share; what only one says stands there.

A reason is read by whoever asks what became of a log (`shadowai coverage`, after a scan), counted by its
words: the same thing must be called the same everywhere.
"""

from __future__ import annotations

#: says what the lines below it hold
HEADER = "set aside: header"

# --- connections
NO_PORTS = "set aside: neither TCP nor UDP"
NO_CONNECTION = "set aside: event that names no connection"
MESSAGE_WITHOUT_CONNECTION = "set aside: message that names no connection"
NO_DESTINATION = "set aside: event that names no destination"
FROM_OUTSIDE = "set aside: connection from outside"

# --- requests
MESSAGE_WITHOUT_REQUEST = "set aside: message that names no request"
#: a proxy asks who it is: the same request follows with the account
CHALLENGE = "set aside: challenge for a password (407)"
NO_REQUEST = "set aside: left before any request"

# --- lookups
REVERSE = "set aside: reverse lookup (PTR)"
ANSWERED = "set aside: answer to a lookup (its question counts)"
NOT_A_QUERY = "set aside: DNS update or notify (opcode)"
SERVER_MESSAGE = "set aside: no lookup (server message)"
SERVER_EVENT = "set aside: DNS server event that is no client's lookup"

# --- who has an address
FAILED_SIGN_IN = "set aside: sign-in that failed"
MESSAGE_WITHOUT_ADDRESS = "set aside: message that gives no address"
LEASE_OF_NOBODY = "set aside: lease of nobody"
