"""The person report."""
