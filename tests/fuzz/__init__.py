"""Fuzzing of the decoders: `python -m tests.fuzz TARGET --executions N`."""
