"""Palo Alto Networks PAN-OS 8 to 11, Prisma Access, Strata Logging Service.

format        which lines are PAN-OS's, and which layout each of them is in
by_position   CSV: fields are found by position, which differs by type of log
by_titles     CSV below a line of titles, whose columns may have been left out or moved
cef_leef      CEF and LEEF
json_lines    Strata Logging Service's objects
pair_lines    `name=value`, as log forwarding templates of monitoring services write it
columns       what all of them tell, as columns
meaning       what follows from that, by type of log
session_end   whether a session was cut off, also where other formats carry PAN-OS's words

Source: PAN-OS Administrator's Guide, "Syslog Field Descriptions"; Strata Logging Service, "Log Reference".
"""

from sensor.sources.logs.formats.panos.format import PanosFormat

__all__ = ["PanosFormat"]
