"""Anybody's training code as a trainer: a command is run once a seed, and what it leaves is read."""
