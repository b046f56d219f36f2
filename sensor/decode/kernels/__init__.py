"""What kernels are made of: compilation, checked reads of packet bytes, strings. Knows no protocol.

jit.py           the decorators `kernel`, `step`, `entry`, `brief`, and the cache of compiled kernels
object_code.py   runs cached kernels without importing Numba
packet_bytes.py  big-endian and little-endian reads, checked against the captured end of a packet
hashing.py       64-bit hashes, for the tables of kernels
intervals.py     sorted byte ranges, for whatever arrives in pieces
strings.py       byte strings of a buffer to String columns
"""
