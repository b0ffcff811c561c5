"""Settings of all tests: one thread a process, as the trainer's workers have and no hub."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

collect_ignore = ["plugin_package"]
"""A package of its own, whose tests run where it is installed."""
