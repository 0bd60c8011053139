"""Identity: what matching learns."""
