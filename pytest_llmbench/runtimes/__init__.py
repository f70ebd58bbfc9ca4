"""Where servers live: starting, readiness, ending them."""
