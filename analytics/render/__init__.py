"""Results in, text out; one file per format. Nothing here opens a file or asks the clock."""
