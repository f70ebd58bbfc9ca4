"""From request traces to named numbers."""
