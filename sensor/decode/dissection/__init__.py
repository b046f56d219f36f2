"""Link and network layers. In: a frame. Out: one PACKET (addresses, ports, payload), or why there is none.

ethertypes.py   numbers for what a header carries
link.py         a frame to its IP header: link types, VLAN tags, MPLS, PPPoE
rare_links.py   link types that few captures have
ip.py           IP, TCP and UDP headers, through any tunnels
tunnels.py      GRE, ERSPAN, IP in IP, ...: the packet inside, and the tunnel's name
udp_tunnels.py  VXLAN, GENEVE, GTP-U, ...
parts.py        which part of a datagram a fragment is
fragments.py    fragments without ports, assigned to the connection of their datagram
addresses.py    text and classification of addresses
"""
