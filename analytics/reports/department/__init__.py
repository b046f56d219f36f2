"""The report about one department: its questions and SQL; the page is the default one."""
