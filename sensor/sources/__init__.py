"""The kinds of input: from files, streams and interfaces to batches of frames.

    interface       what a source is: it recognises an input by its first bytes, and reads it as batches
    inputs/         from what a user names (files, folders, archives, growing files, syslog) to readable bytes
    detect          which source reads which file
    rotated         which file of a rotated log continues which
    trial           how the first lines of a file would be read (`shadowai sources try`)
    packets/        packets: capture files, interfaces of this machine, and captures read with tshark
    logs/           text logs: one file per product in `logs/formats/`, and what reads them all
    zeek/           Zeek logs; they are joined by uid
    dnstap, evtx,   files of other programs that are no lines of text
    mitmproxy/,
    pihole_ftl

A new source is a module or package in this folder or in `packets/`, a new log format a module in
`logs/formats/`. Nothing else is touched: `detect` and `logs/known_formats` walk these folders.
"""
