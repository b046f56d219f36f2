"""Marts: usage per person and hour, and the k-safe cubes made from it.

    <name>.sql/.yml  a mart: the rows it stores, and what a row is
    holders.py       who held which address when: holding/*.sql and intervals.py
    intervals.py     the same in numbers, with NumPy                                pure
    days.py          counts days: counting/*.sql and the three modules below
    placing.py       finds the binding of its address that an event falls into, in numbers
    belief.py        decides whom to believe about it, in numbers
    facets.py        numbers everything that is counted and joined by
    weeks.py         prepares the cubes of a week
    ksafe.py, crossing.py, groups.py   decide which cells of the cubes may be shown   pure
    inputs.py        fingerprints of what a period is made from
    state.py         which files hold which period                                  I/O
    files.py         writes them                                                    I/O
    threads.py       makes several periods at the same time

What a day's records say is looked at once per distinct value. So most of these words stand for numbers, and
`x_numbers` is the table `x` in numbers:

    context     what a record says of who: client, account, device, site, segment, scope
    target      what it says of what was used, and how it was seen: app, host, outcome, vantage, kind
    binding     an interval in which nothing changes about who holds an address
    word        what a lease says: whom it names, which device, how sure it is
    facet       a context, a binding, a day and a target: everything that decides who was behind a record
    way         by whose word somebody is named (`attributed_by`), or why nobody is
    subject     who it is counted for: an account, a device or an address
    profile     what is known of a subject besides its name: kind, department, site, segment
    bearer      a subject with a profile
    party       a subject, a day and an outcome; with an app a `service`: what duplicates have in common
    eye         a vantage, in `facet_numbers` with the kind of record; a vantage on a day is a `watch`
    cell        what a row of usage_hourly is about, apart from hour and grade

Nothing finer than a k-safe cell ever reaches the open zone: figures are hidden here, not in a view. In a
fixed order, a day goes: events → who was behind them → records → duplicates removed → counted.
"""
