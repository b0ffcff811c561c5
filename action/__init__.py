"""The scripts of action.yml."""
