"""Interfaces of this machine, for `live.py`: frames in memory shared with the kernel, and what is lost there.

port, afpacket, bpf     an interface, its rings, and the filters of its sockets
workers                 threads that read rings and decode
netdev, monitor         what the system says of an interface, asked every second
readings, watch         that, as rows of coverage and as warnings
"""
