"""GSM8K: grade-school arithmetic in words, answered with a number.

After Cobbe et al., "Training Verifiers to Solve Math Word Problems" (2021).
"""

from __future__ import annotations

from pytest_llmbench.evals.gsm8k.answers import (
    SCORER,
    extract_flexible,
    extract_strict,
    matches,
    numerically_equal,
)

__all__ = ["SCORER", "extract_flexible", "extract_strict", "matches", "numerically_equal"]
