"""The lake on disk: commits append segments, a compactor merges them, a manifest names what readers read.

Writers use `segments.Commits`; any number may write at the same time. `compaction.compact` runs alone.
`purge` deletes rows for retention and erasure, `sealed` keeps rows that must not lie in the lake, `told`
knows what need not be stored again.

    lake/manifest.json               cold files of each table, and the parts they cover (replaced by rename)
    lake/closed                      name of the newest part that writers have left
    lake/sources/<input>.json        how far each input has been read
    lake/<zone>/<table>/hot/part=…/  one segment per commit and table, by the hour it landed
    lake/<zone>/<table>/cold/day=…/  compacted rows by event day, one file or more
"""
