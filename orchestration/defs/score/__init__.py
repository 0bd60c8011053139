"""Scores: what their models learn."""
