"""The app report."""
