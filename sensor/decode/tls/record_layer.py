"""TLS records (RFC 8446 §5.1) and handshake messages (§4): the types of both, and their headers."""

from __future__ import annotations

#: Type, version and length of a record.
HEADER_BYTES = 5

# Types of records.
CHANGE_CIPHER_SPEC = 20
HANDSHAKE = 22
APPLICATION_DATA = 23

# Types of handshake messages.
CLIENT_HELLO = 1
SERVER_HELLO = 2
CERTIFICATE = 11
