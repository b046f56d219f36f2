"""The lab: a small office of network namespaces in which real programs make the traffic of `pcaps/`.

`python -m tests.lab --out pcaps` (root, Linux) builds the office, lets about fifty people and a few
machines use local servers that answer to the names of AI services, records what a SPAN port sees,
moves every session to its simulated time, and writes the committed cases with the servers' own
counts as truth. Nothing leaves the namespaces; nothing here is imported by the product.
"""
