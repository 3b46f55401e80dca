"""Closing: what has a `close` closes when its `with` block ends, however it ends. [any]"""

from __future__ import annotations

from typing import Self


class Closing:
    """Base of what is opened once and closed once; `close` may be called twice."""

    def close(self) -> None:
        """Give back what is held. [control]"""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
