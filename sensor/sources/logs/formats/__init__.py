"""The log formats, one format a file; README.md says how to add one. The folder is walked."""
