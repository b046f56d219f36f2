"""Zeek logs, TSV or JSON lines.

source   the logs of a folder, joined by uid
text     the lines of one log as a frame of its fields
logs     the rows of one log as observations, answers and leases
"""

from sensor.sources.zeek.source import ZeekSource

__all__ = ["ZeekSource"]
