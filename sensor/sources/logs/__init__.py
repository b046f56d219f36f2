"""Text logs. To add a product, add one file to `formats/`; see the README there.

A line travels through these in this order:

    lines/          bytes are cut into blocks of lines; records of several lines become one line each; what
                    syslog and log shippers put around a line is removed
    known_formats   all formats, and which of them the beginning of a stream shows
    sorting         gives each line to the format that claims it
    formats/        one file per product: which lines are its own, and how they become columns (`fields`)
    rows/           columns become rows of observations, answers and leases: times, hosts, one row per session
    reader          drives the steps above, block by block, and yields batches

A format subclasses `LogFormat` (log_format.py), which reads files; what it declares is in `line_format`, the
columns it returns are in `fields`, and `text/` has the functions that formats are built from. `custom` makes
a format of a user's TOML file.
"""
