"""What real pretrained models show of the paper's claims: `python -m benchmarks.evidence` (see `__main__`)."""
