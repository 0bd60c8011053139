"""Segment's stand-in: the Profile API, and the archive of events its S3 destination would have written."""
