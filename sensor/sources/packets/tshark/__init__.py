"""Captures read with tshark: slower than our decoder, but with all link types and formats Wireshark knows.

source   runs tshark
rows     its output as rows
"""

from sensor.sources.packets.tshark.source import TsharkSource

__all__ = ["TsharkSource"]
