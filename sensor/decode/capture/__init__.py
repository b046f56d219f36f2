"""Captures. In: bytes of capture files, or blocks of a live ring. Out: descriptors of frames.

formats.py       recognises capture formats, without kernels
pcap.py          pcap and pcapng records to descriptors
conversion.py    captures of other tools as pcapng
ring.py          blocks of an AF_PACKET ring to descriptors
reader.py        one capture file, read through a moving window of frames
merge.py         several capture files, merged by time
conversation.py  which frames belong to one connection, to copy them from a capture
handshakes.py    copies of the frames that open connections, to keep as evidence
"""
