"""The collector's log."""
