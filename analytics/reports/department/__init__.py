"""The department report."""
