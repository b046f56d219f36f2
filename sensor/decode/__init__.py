"""Decodes packets to columns. Nothing here opens a file or asks the clock, and bad bytes never raise.

The path of a packet:

    capture/     bytes of files, blocks of a live ring  -> descriptors of frames
    dissection/  a frame                                -> one PACKET, or the reason why not
    flows/       PACKETs                                -> the flow table, SLICEs of connections
    tcp/         segments in any order                  -> the first message of each side (EVENTs)
    tls/ quic/   EVENTs                                 -> server names, fingerprints
    http/ dns/   EVENTs                                 -> hosts, AI servers; lookups and their answers
    identity/    EVENTs                                 -> who held an address
    streaming/   TLS records, QUIC datagrams            -> answers that came token by token
    tables/      SLICEs with all of this                -> rows of `observations` and `coverage`

    datapath.py  the kernel that takes each packet through capture, dissection, flows and tcp
    decoder.py   the loop around that kernel: owns its tables, and converts its output on another thread
    timeouts.py  ends idle connections when no packets arrive
    layout.py    the record types in capitals above, and the tables of the kernels

    kernels/     compilation and its cache, checked reads of bytes, hashes
    warming.py   compiles kernels before they are needed, by the calls in warmup_calls.py
    text/        lines of logs -> columns; the same machinery, without packets

What runs where:

    compiled kernels   every packet: containers, link and IP, flow table, stream pages;
                       every message: TLS hello, HTTP head, DNS
    Python             every QUIC Initial (decryption), every message about who holds an address
                       (up to a rate), and every *distinct* name, address or fingerprint; then joins

Kernels read packets through `u8`, `be16`, `be32` of `kernels/packet_bytes.py`, which check the packet's
captured end. Packages import only those above themselves in `DECODE` of tests/test_imports.py.
"""
