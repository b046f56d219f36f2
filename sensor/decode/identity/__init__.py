"""Identity protocols: the bytes of one message in, `Statement`s about the holder of an address out.

    statement.py  the record, and validation of names
    dhcp.py       DHCP and DHCPv6: leases and releases
    kerberos.py   accounts that request and receive tickets
    ntlm.py       accounts that sign in over SMB or HTTP
    hostnames.py  self-announced names: mDNS, LLMNR, NetBIOS
    radius.py     accounting: start, interim update, stop
    wire.py       messages of a batch -> rows of address holders

Parsers never raise, read only the bytes they are given, and return names and addresses only: no password,
hash, ticket or other secret.
"""
