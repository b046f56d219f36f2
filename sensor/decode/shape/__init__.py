"""Judges the shape of turns, column by column; the kernels only count (`sensor/decode/turns.py`)."""
