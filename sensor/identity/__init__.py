"""Who is who: the organisation's networks, who held an address when, and which department an account belongs
to.

Everything is read from settings and files (people, directory exports, subnets), in clear; the pipeline makes
tokens of it. Leases that sources report do not pass here.
"""
