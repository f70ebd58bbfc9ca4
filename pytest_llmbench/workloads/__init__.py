"""Prompts of known length."""
