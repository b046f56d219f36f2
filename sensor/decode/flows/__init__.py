"""Connections. In: PACKETs. Out: rows of the flow table, and SLICEs with the bytes of each minute.

table.py       the flow table: lookup, state, byte counts, eviction
duplicates.py  filters frames that a mirror port delivers twice
prefetch.py    dissects frames early, so that their rows are in the CPU cache in time
"""
