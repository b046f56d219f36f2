"""Judges what turns look like, in columns; the kernels only count (`sensor/decode/turns.py`)."""
