"""From what a user names to readable bytes.

open        files, folders, globs, archives and standard input: each as a `File` with its first bytes
unpack      decompresses gzip, zstd, bzip2 and xz, and opens ZIP archives and Parquet files
tar         opens tar archives
parquet     rows of Parquet files as lines of JSON
tail        complete new lines of files that grow, through rotation and truncation
receive     lines that come as syslog over UDP, TCP and TLS

`shadowai scan` opens files; `shadowai follow` tails them, `shadowai listen` receives.
"""
