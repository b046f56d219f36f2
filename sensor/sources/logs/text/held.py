"""The assumed duration of a lease in seconds, for logs without its end.

What ends it earlier: a logout, or the next lease of the same address. DHCP has its own length (`dhcp.py`).
"""

from __future__ import annotations

#: A sign-in, or a session whose end may not be logged; also the usual life of a Kerberos ticket.
WORKING_DAY_S = 36_000.0
#: A session whose end is logged, or that is logged again while it lasts.
HALF_DAY_S = 43_200.0
