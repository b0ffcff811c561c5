"""Loading by transformers without its progress bars and reports, and its errors in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no loading reports from transformers; its settings are put back."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def in_short(error: Exception) -> str:
    """The first line of an error of another library's making, else the name of its class."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
