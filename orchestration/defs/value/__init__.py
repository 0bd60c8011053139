"""Customer value: what its models learn."""
