"""What turns look like, judged in columns: the kernels only count (`sensor/decode/turns.py`)."""
