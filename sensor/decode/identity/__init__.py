"""Who holds an address, as hosts and servers say it on the wire: bytes of one message in, `Statement` out.

    statement.py  what a message says, and how names are checked
    dhcp.py       DHCP and DHCPv6: addresses given and given back
    kerberos.py   whose tickets are asked for and given
    ntlm.py       who signs in over SMB or HTTP
    hostnames.py  names that hosts give themselves: mDNS, LLMNR, NetBIOS
    radius.py     accounting: who came and went
    wire.py       messages of a batch -> rows of who held what

Parsers never raise, look at no more than the bytes they are given, and keep names and addresses only: no
password, hash, ticket or other secret leaves them.
"""
