"""QUIC. In: datagrams that begin with an Initial. Out: the ClientHello of a connection attempt.

initials.py     locates Initials in datagrams, reassembles CRYPTO streams
protection.py   keys of Initials, and header protection (hmac_sha256.py, aes.py)
decryption.py   payloads of Initials
handshakes.py   the Initials of one attempt: Retry, version negotiation, packets in any order
gquic.py        Google's versions before QUIC spoke TLS
"""
