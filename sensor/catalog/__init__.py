"""Reads the YAML files of `signatures/`, checks them, and makes a `Catalog` of them.

`load` reads the folder (the only I/O here), `model` says what an entry may hold, `index` turns
entries into the one frame of indicators the matcher needs, `checks` are the lints. Nothing here
looks at traffic.
"""
