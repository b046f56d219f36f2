"""The report about one day: its questions and SQL; the page is the default one."""
