"""contracts room."""
