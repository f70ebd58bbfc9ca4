"""Weights on this host: builtin models, local files, hub ids."""

from __future__ import annotations

from pytest_llmbench.models.locate import locate

__all__ = ["locate"]
