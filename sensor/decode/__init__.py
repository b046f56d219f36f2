"""Decodes packets to columns. Nothing here opens a file or asks the clock, and bad bytes never raise.

What runs where:

    compiled kernels   every packet: containers, link and IP, flow table, stream pages;
                       every message: TLS hello, HTTP head, DNS
    Python             every QUIC Initial (decryption), every message about who holds an address
                       (up to a rate), and every *distinct* name, address or fingerprint; then joins

    batch.py      pcap and pcapng records            -> descriptors (one shape for every input)
    ring.py       blocks of a live AF_PACKET ring    -> descriptors
    link.py       a frame                            -> its IP header: link types, tags, MPLS, PPPoE
    ip.py         an IP packet                       -> one PACKET: addresses, ports, payload
    tunnels.py    GRE, VXLAN, ... in an IP packet    -> the packet inside, and the tunnel's name
    fragments.py  a fragment without ports           -> a PACKET of its datagram's connection
    flow.py       PACKETs                            -> the flow table, SLICEs of connections
    stream.py     first payloads, in any order       -> whole messages in the arena (EVENTs)
    protection.py QUIC Initials                      -> their keys, headers in clear (hmac_sha256, aes)
    tls, http, dns, quic, ja4                        -> columns of names
    identity_packets.py  may tell who holds an address -> messages in the arena
    identity/     those messages                     -> who held what
    calls.py      segments that begin JSON-RPC       -> messages in the arena, for rpc.py
    turns.py      uploads and the answers to them    -> TURNs: sizes and gaps of records, of datagrams
    shape/        TURNs                              -> did an answer come like a stream of tokens?
    frames.py     SLICEs + names                     -> observations, answers, coverage
    decoder.py    the loop that owns the buffers and calls the kernels

Every kernel reads packets through `u8`, `be16`, `be32` of `read.py`, which check the packet's captured
end. Only `jit.py` imports Numba; compiled kernels run without it (`objects.py`).
"""
