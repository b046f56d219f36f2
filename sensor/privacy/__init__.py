"""Keeps what identifies people off the disk: keyed tokens, sealed rows, keys, and who may look behind a
token.

    admission, canonical   what may come in, and in which form identities are keyed
    keys, pseudonyms       keys by epoch, tokens and row ids
    rotation, departments  leases across epochs, small departments
    counting, weekly       people over several epochs; encryption at level `aggregate`
    vault, reveal          what tokens stand for, readable by two people together
    audit, sheet, subject  the audit log, the privacy sheet, one person's rows
"""
