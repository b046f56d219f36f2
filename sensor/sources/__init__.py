"""The kinds of input, one file each. A new one is found because this folder is walked."""
