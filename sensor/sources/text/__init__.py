"""Columnar text tools for log formats: a Series of lines in, columns out, one row per line.

Each tool is named after what it reads (`keyvalue`, `commas`, `objects`, `cef`, `stamps` …). None
raises for bad text: what cannot be read is NULL.
"""
