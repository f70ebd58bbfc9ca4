from __future__ import annotations

import pytest

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.evals.needs import needed


def test_imports_what_is_installed() -> None:
    """Also a module inside of a package."""
    assert needed("json.decoder", extra="evals").JSONDecoder


def test_says_how_to_install_what_is_not() -> None:
    """As a reason to skip, not as a traceback."""
    with pytest.raises(Unavailable, match=r"needs the evals extra .*: pip install '.*\[evals\]'"):
        needed("no_such_package.part", extra="evals")
