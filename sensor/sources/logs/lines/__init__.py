"""From bytes to one record per line.

framing         finds records that span several lines (JSON documents, blocks, quoted line breaks), and
                writes each as one line
blocks          cuts the text into blocks of complete lines, and a block into a column of lines
prefixes        removes what tools put before each line when they print, search or export a log
envelopes       removes what syslog and log shippers put around a line, and keeps its time, sender and tag
months          translates month names in the stamps of `journalctl` to English
"""
