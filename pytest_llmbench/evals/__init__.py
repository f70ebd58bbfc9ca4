"""Evaluating what a server answers: IFEval, GSM8K, and what compares two sets of answers."""
