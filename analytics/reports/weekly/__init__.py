"""The weekly report. `coverage` says how much the sensors saw of the week; the other modules each turn
figures into a section, and `page` puts these in order."""
