"""Which legando this is. [any]"""

from __future__ import annotations

from functools import cache
from importlib import metadata

CHECKOUT = "0.1.0"
"""What a checkout that is not installed says; the same as in `pyproject.toml`."""


@cache
def version() -> str:
    """Return the version that is installed, or the checkout's. [any]"""
    try:
        return metadata.version("legando")
    except metadata.PackageNotFoundError:
        return CHECKOUT
