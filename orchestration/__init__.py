"""orchestration room."""
