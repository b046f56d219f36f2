"""The report about one person, restricted: its questions and SQL; the page is the default one."""
