"""Finds what the catalog knows in frames of observations, and counts what it does not know.

Everything here is pure: no input or output, no clock, frames in and frames out. What must be remembered
across batches is kept in objects that a pipeline owns.

    questions, answers, naming, ech   DNS: lookups counted once, connections named by answers
    index, match, misses, lookup      which indicator of the catalog fits
    grade, pulls                      how strong the evidence is, what a request was about
    rollup, near, by_client, repeats  sums over all names, bursts of lookups, repetitions
    blindness, coverage               what the sensor could not see
    rematch, hunt                     the same for stored rows, with a newer catalog
    candidates, explain               for people: names that look like AI, and why a name matches
"""
