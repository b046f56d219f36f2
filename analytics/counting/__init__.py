"""Builds the marts: usage per person and hour, and the k-safe cubes made from it. `analytics/marts` says what
each of them holds.

    holders.py       who held which address when: holder_sql/*.sql and the two modules below
    intervals.py     resolves overlapping leases, with NumPy                              pure
    stations.py      lets the addresses of one machine share what is known of each        pure
    days.py          counts days: day_sql/*.sql and the three modules below
    binding_join.py  finds the binding of its address that is valid at each event
    attribution.py   decides to whom each facet is attributed
    facets.py        encodes the keys that events are counted and joined by
    clocks.py        finds sensors whose clocks differ
    weeks.py         prepares the cubes of a week: week_sql/*.sql and the modules below
    ksafe.py, crossing.py, groups.py   decide which cells of the cubes may be shown       pure
    day_marts.py, week_marts.py, people_marts.py, policy_marts.py, memory_marts.py
                     find dirty periods and make their marts, each of one kind            I/O
    build.py         what these share: the lake, its state, how a mart is stored          I/O
    inputs.py        fingerprints of what a period is made from
    state.py         which files hold which period                                        I/O
    files.py         writes them                                                          I/O
    frames.py        hands Polars frames to DuckDB
    threads.py       makes several periods at the same time

Distinct values are encoded as integers and evaluated once. A table `x_codes` is the table `x` with integer
codes in place of values. The terms:

    context          what a record says of the client: address, account, device, site, segment, scope
    environment      the part of it that does not identify anybody: site, segment, class of client, scope
    target           what was used, and how that was seen: app, host, outcome, vantage, kind of record
    statement        the content of a lease: user, device, origin, confidence
    station          a hardware address at a site: a machine, which may have several addresses
    binding          an interval in which the holder of an address does not change
    facet            a context, a binding, a day and a target: all that decides to whom a record belongs
    method           how a subject was found (`attributed_by`), or why nobody was
    subject          whom usage is counted for: an account, a device or an address
    org unit         kind, department and site of accounts
    profile          attributes of a subject: kind, department, site, segment, class of client, method
    subject profile  a subject with a profile
    subject day      a subject, a day and an outcome; with an app, a `usage_key`: duplicates share it
    vantage day      a vantage (of several programs at one, each is its own) on a day
    cell             the key of a row of usage_hourly, without hour and grade

Nothing finer than a k-safe cell ever reaches the open zone: figures are hidden when the cubes are built, not
in a view. A day is counted in a fixed order: events, attribution, records, removal of duplicates, sums.
"""
