"""Servers in containers: images, wiring, labels, and what is left over. The SDK is imported when used."""
