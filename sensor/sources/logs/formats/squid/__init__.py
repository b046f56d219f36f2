"""Squid's access logs, and Apache Traffic Server's `squid.log`.

format        which lines are Squid's, and which layout each of them is in
stamped       layouts `squid` (Squid's default, called native here) and `shadowai` (ours, with uploads)
scanned       plain lines of these two, read by the compiled scanner
common_log    layouts `common` and `combined`
dated         native with a date in place of the seconds, or without the elapsed time
wide          native with the client's port
splunk        key=value
json_lines    objects
columns       what all of them tell, as columns
meaning       what follows from that: verdicts, volumes, lines that are set aside
"""

from sensor.sources.logs.formats.squid.format import SquidFormat

__all__ = ["SquidFormat"]
