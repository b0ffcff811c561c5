"""Benchmarks that anyone can repeat: `python -m benchmarks.cpu` and `python -m benchmarks.gpu`."""
