"""The log formats, one family a file; README.md says how to add one. The folder is walked."""
