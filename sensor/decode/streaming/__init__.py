"""Encrypted answers of language models. In: TLS records and QUIC datagrams. Out: what came like tokens.

turns.py    follows turns (an upload and the answer to it) in packets; counts, never judges
judge.py    judges the sizes and gaps of a turn: one token at a time, or not
answers.py  judged turns, joined with their connections
"""
