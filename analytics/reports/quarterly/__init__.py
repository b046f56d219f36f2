"""The report about one quarter: its questions and SQL; the page is the default one."""
