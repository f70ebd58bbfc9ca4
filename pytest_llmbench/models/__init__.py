"""Weights on this host: builtin models, local files, hub ids."""
