"""Marts: usage per person and hour, and the k-safe cubes made from it.

    <name>.sql/.yml  a mart: the rows it stores, and what a row is
    holders.py       who held which address when: holding/*.sql and intervals.py
    intervals.py     the same in numbers, with NumPy                                pure
    days.py          counts days: counting/*.sql and the three modules below
    placing.py       finds the spell of its address that an event falls into, in numbers
    belief.py        decides whom to believe about it, in numbers
    facets.py        numbers everything that is counted and joined by
    weeks.py         prepares the cubes of a week
    ksafe.py, crossing.py, groups.py   decide which cells of the cubes may be shown   pure
    inputs.py        fingerprints of what a period is made from
    state.py         which files hold which period                                  I/O
    files.py         writes them                                                    I/O
    threads.py       makes several periods at the same time

Nothing finer than a k-safe cell ever reaches the open zone: figures are hidden here, not in a view. In a
fixed order, a day goes: events → who was behind them → records → duplicates removed → counted.
"""
