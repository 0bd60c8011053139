"""What the definitions of every system share."""
