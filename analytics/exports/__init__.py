"""Makes lists for firewalls, proxies and resolvers from policy and catalog, as the text of one file. Pure.

    interface.py   what travels: an entry, what was left out and why, a target
    statuses.py    compiled policy rows → the status of each service and access class, organisation-wide
    guard.py       what must never be listed, and hosts that others need too
    choose.py      indicators × statuses → entries, and every one that was left out with its reason
    write.py       provenance header, then the target's own lines
    never.txt      names that half the world needs, whatever a catalog says
    records/       events and findings in the formats of other tools
    targets/       one file per target; the registry walks the folder

Nothing here opens a lake or asks the clock. A list does not follow the catalog, so it says after which day it
must be made again.
"""
