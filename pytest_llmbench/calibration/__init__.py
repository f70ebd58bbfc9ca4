"""The client judged: a server that knows when it sent, and what the client said of it."""
