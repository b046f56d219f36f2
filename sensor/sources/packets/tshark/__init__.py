"""Captures read with tshark: slower than our decoder, but with all link types and formats Wireshark knows.

source   runs tshark
rows     turns tshark's output into rows
"""

from sensor.sources.packets.tshark.source import TsharkSource

__all__ = ["TsharkSource"]
