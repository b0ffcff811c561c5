"""Encoders that stabbench has no computation of its own for: Hugging Face's modules, one run at a time."""
