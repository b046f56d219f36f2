"""Matches frames of observations with the catalog, and counts what the catalog does not know.

Everything here is pure: no I/O, no clock, frames in and frames out. State that lasts across batches is in
objects that the pipeline owns.

    questions, answers, naming, ech   DNS: lookups counted once, connections named by answers
    index, match, misses, lookup      which indicator of the catalog matches
    grade, pulls                      strength of the evidence, and what a request was for
    rollup, near, by_client           sums over all names, matched or not
    bursts, repeats                   lookups within a minute as one row, repeated rows
    blindness, coverage               what the sensor could not see
    reclassify, hunt                  the same for stored rows, with a newer catalog
    candidates, explain               for people: names that look like AI, and why a name matches
"""
