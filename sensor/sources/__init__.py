"""The kinds of input, one module each, which turn files, streams and interfaces into batches of frames.

    open, unpack, pieces        from paths to readable files
    interface, detect           what a source is; which one reads a file
    pcap, tshark, live          packets: files, files through tshark, interfaces (workers, monitor, port,
    ring) zeek, dnstap, pihole_ftl …  logs with readers of their own family, formats/, text/     text logs:
    one family per format, and what families have in common lines, framing, sorting, finish, records,
    sessions, flows, holders   the steps families share

A new source or format is found because the folders are walked.
"""
