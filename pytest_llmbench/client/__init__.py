"""The measuring client: sockets, HTTP framing, stream dialects, load generation."""
