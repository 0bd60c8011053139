"""Segment: the event archive, profiles and their external ids."""

from extract.sources.segment.source import Segment

__all__ = ["Segment"]
