"""The engines: one module each behind one Protocol."""
