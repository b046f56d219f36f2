"""Marts: usage per person and hour, and the k-safe cubes made of it.

    holding/*.sql    all leases in numbers, and who held an address when in words again
    intervals.py     who held an address when, in numbers                           pure
    counting/*.sql   one day, step by step: events → who → records → kept once → counted
    <name>.sql/.yml  what is stored of that, and what a row is
    ksafe.py         which cells of a week's cubes may be shown                     pure
    placing.py       which while of its address an event falls into, in numbers
    belief.py, facets.py  whom to believe about it, and what it counts as, in numbers
    days.py, weeks.py  run the steps for one day, one week
    state.py         which files hold which period, and what they were built from   I/O

Nothing finer than a k-safe cell ever reaches the open zone: hiding happens here, not in a view.
"""
