"""The kinds of input, a module or package each: from files, streams and interfaces to batches of frames.

    open, unpack                from paths to readable files
    interface, detect           what a source is; which one reads a file
    pcap, tshark, live          packets: files, files through tshark, interfaces (ports/)
    zeek, dnstap, pihole_ftl    logs with readers of their own
    family, fields, formats/,   text logs: what a format declares and returns, one family per format, what
    text/                       they have in common
    lines, framing, families,   from bytes to the lines of each family, and from these to batches
    sorting, reader
    finish, records, sessions,  the steps families share: columns, times, one row per session, one-way flows,
    flows, headers, leases      bytes of headers, and when a lease ends

A new source or format is found because the folders are walked.
"""
