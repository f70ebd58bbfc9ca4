"""The pytest hooks; each calls one object."""
