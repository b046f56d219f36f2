"""The report about one month: its questions and SQL; the page is the default one."""
