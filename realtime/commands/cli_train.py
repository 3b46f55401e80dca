"""`legando train` and `legando evaluate`: handed on to `engines.training.cli`, where torch is. [control]"""

from __future__ import annotations

from collections.abc import Sequence

from legando.realtime.errors import LegandoError

TRAIN_HINT = "training needs torch and more: pip install 'legando[train]'"


def train_command(words: Sequence[str]) -> int:
    """Run what was typed, `train` or `evaluate` first. [control]"""
    try:
        from legando.engines.training.cli import main

        return int(main(words[words[0] == "train" :]) or 0)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("legando"):
            raise
        raise LegandoError(f"{error.name} is missing; {TRAIN_HINT}") from error
    except OSError as error:  # many steps, many folders, all of the user's
        if not isinstance(error.filename, str):
            raise
        raise LegandoError(f"{error.filename}: {error.strerror}; choose another place") from error
