"""Keeps identities off the disk: keyed tokens, encrypted rows, keys, and controlled re-identification.

admission, canonical   which rows are accepted, and the canonical form of identities
names                  what else an account is called
keys, pseudonyms       keys by epoch, tokens and row ids
rotation, departments  leases across epochs, small departments
counting, weekly       people over several epochs; encryption at level `aggregate`
vault, reveal          what tokens stand for, readable by two people together
audit, sheet, subject  the audit log, the privacy sheet, the rows of one person
"""
