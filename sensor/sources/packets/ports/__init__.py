"""Listening to interfaces of this machine, for `live.py`: rings shared with the kernel, and their loss
counters.

port, afpacket, bpf         an interface, its rings, and the filters of its sockets
workers                     threads that read the rings and decode
netdev, monitor             state and counters of an interface, read every second
readings, port_warnings     these counters as rows of `coverage`, and as warnings for the user
"""
