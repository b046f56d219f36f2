"""From bytes to one record per line.

framing         records that span several lines become one line each: from a beginning to an end, or in
                quotes; json_documents and tables do the same for JSON and for separated values
blocks          cuts the text into blocks of complete lines, and a block into a column of lines
prefixes        removes what tools put before each line when they print, search or export a log
envelopes       removes what syslog and log shippers put around a line, and keeps its time, sender and tag;
                syslog has the many kinds of heads
months          translates month names in the stamps of `journalctl` to English
"""
