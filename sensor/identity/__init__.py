"""Identities: the networks of the organisation, address leases, and departments of accounts.

Everything is read in clear from settings and files (people, directory exports, subnets); the pipeline turns
it into tokens. Leases that sources report do not pass through here.
"""
