"""IFEval: whether a reply follows instructions that a program can check.

After Zhou et al., "Instruction-Following Evaluation for Large Language Models" (2023), whose data and
verdicts these checkers are held to.
"""

from __future__ import annotations

from pytest_llmbench.evals.ifeval.scoring import INSTRUCTIONS, SCORER, ReplyScore, score_reply

__all__ = ["INSTRUCTIONS", "SCORER", "ReplyScore", "score_reply"]
