"""Renders results as text, one module per format. Nothing here opens a file or asks the clock."""
