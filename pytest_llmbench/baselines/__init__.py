"""Stored sessions and how a new one is judged against them."""
