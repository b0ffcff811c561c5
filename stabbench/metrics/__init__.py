"""Metrics: what is known of each by its name, and how those that runs are scored by are computed."""
