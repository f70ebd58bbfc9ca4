"""The stream dialects, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.client.dialects.base import Ask, Delta, Dialect, Usage
from pytest_llmbench.client.dialects.openai import OpenAIChat, OpenAICompletions

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECTS", "Ask", "Delta", "Dialect", "Usage"]

_ALL: tuple[Dialect, ...] = (OpenAIChat(), OpenAICompletions())

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in _ALL})
