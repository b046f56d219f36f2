"""The report about one service: its questions and SQL; the page is the default one."""
