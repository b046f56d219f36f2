"""Identity protocols. In: messages of a batch. Out: who held which address.

    packets.py    selects packets that may tell, for the parsers below
    statement.py  what one message states about the holder of an address, and validation of names
    dhcp.py       DHCP and DHCPv6: leases and releases
    kerberos.py   accounts that request and receive tickets
    ntlm.py       accounts that sign in over SMB or HTTP
    hostnames.py  self-announced names: mDNS, LLMNR, NetBIOS
    radius.py     accounting: start, interim update, stop
    holders.py    statements to rows of address holders; drops repetitions

Parsers never raise, read only the bytes they are given, and return names and addresses only: no password,
hash, ticket or other secret.
"""
