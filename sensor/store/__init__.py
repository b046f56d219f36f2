"""Puts frames into the lake: replay-safe segments, one compactor, a manifest that readers trust.

lake/manifest.json                       what is in cold, and up to which part (written by rename)
lake/closed                              the newest part no writer may still write to
lake/sources/<input>.json                how far each input has been read
lake/<zone>/<table>/hot/part=…/          segments as they landed
lake/<zone>/<table>/cold/day=…/          compacted, one file an event day
"""
