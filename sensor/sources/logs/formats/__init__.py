"""The log formats, one format a file or package; README.md says how to add one. The folder is walked."""
