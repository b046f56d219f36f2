"""Packets as input; `sensor/decode` makes columns of them.

pcap        capture files (pcap, pcapng and older forms)
live        interfaces of this machine, for `shadowai capture`
ports/      what `live` needs of the system: rings, filters, counters
tshark/     capture files read with tshark, where the user asks for it
leases      who held which address, as packets say it, as rows like those of DHCP logs

`detect` walks this folder as it walks the one above.
"""
