"""TLS. In: handshake messages of both sides. Out: server names, ALPN, ECH and fingerprints.

record_layer.py  types and headers of records and messages
client_hello.py  a ClientHello, complete or truncated
certificate.py   names in a server's certificate
ja4.py           JA4 fingerprints
"""
