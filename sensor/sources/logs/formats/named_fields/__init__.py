"""Products without a format of their own, whose records name both ends: JSON, CSV with titles, key=value.

    {"src_ip": "10.1.2.3", "dstPort": 443, "destination": {"ip": "192.0.2.7"}, "action": "allow", …}
    srcIP=10.1.2.3; dstIP=192.0.2.7; dst-port=443; status=blocked; …
    client_ip,username,url,http_status,timestamp                              (a CSV's titles)

What a field holds follows from its name alone, in any case, with or without separators. Only names that mean
one thing are known: `bytes_in` and `bytes_out` are opposite things at different products, `hostname` is often
the machine that logged, `domain` often that of an account. Where the client, or what it asked for, is under
no such name, the line remains unread. A record without a stamp has that of its envelope, never that of the
file.

format        the format `other-products`: which lines are read by the names of their fields
vocabulary    the names, and what a field of such a name holds
claims        what a line must have
json_lines    objects, to columns of the vocabulary
pair_lines    `key=value` and `key: value`, to the same columns
meaning       what follows from the columns
"""

from sensor.sources.logs.formats.named_fields.format import OtherProductsFormat

__all__ = ["OtherProductsFormat"]
