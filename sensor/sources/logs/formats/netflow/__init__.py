"""NetFlow, IPFIX, sFlow and NSEL as text, as collectors and exporters write them.

format        which lines are theirs, and which layout each of them is in
json_lines    nfdump, IPFIX element names, nProbe, goflow2, Argus, IPFIXcol2, Logstash, Telegraf, …
tables        CSV and aligned columns: nfdump, Argus, pmacct, flow-tools
printed       what nfdump and yafscii print for people
columns       what all of them tell, as columns
meaning       what follows from that: times, directions, volumes

Source: nfdump(1); yafscii(1); flow-export(1); RFC 7012, IANA IPFIX Information Elements; ra(1); pmacct,
CONFIG-KEYS; nProbe user's guide; Cisco, "ASA NetFlow Implementation Guide"; ElastiFlow, CODEX.
"""

from sensor.sources.logs.formats.netflow.format import NetflowFormat

__all__ = ["NetflowFormat"]
