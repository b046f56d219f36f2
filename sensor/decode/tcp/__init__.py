"""TCP streams. In: segments of a connection, in any order. Out: the first message of each side (EVENTs).

messages.py           recognises first messages (TLS, HTTP), and copies complete ones to the arena
reassembly.py         first messages that span several segments
first_bytes.py        selects connections and bodies whose first bytes Python examines
cluster_protocols.py  names protocols of training clusters by these bytes
"""
