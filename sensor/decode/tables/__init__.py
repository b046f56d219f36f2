"""The kernels' output as tables. In: SLICEs and EVENTs. Out: rows of `observations` and `coverage`.

labels.py        names, methods and fingerprints from the first messages of connections
observations.py  slices with their labels; counters of a minute
"""
