"""Fields of text, at the speed of packets. In: lines of logs. Out: columns. Packet decoding needs no more
of this than the forms of credentials.

    delimited.py    lines with a separator
    json_fields.py  selected keys of JSON lines
    credentials.py  forms of AI vendors' keys
"""
