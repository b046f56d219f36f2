"""What formats are built from: columnar text tools, a Series of lines in, columns out, one row per line.

Each tool is named after what it reads (`keyvalue`, `commas`, `objects`, `cef`, `stamps` …) or holds
(`reasons`, `verdicts`, `transports` …). None raises for bad text: what cannot be read is NULL. Tools know no
format.
"""
