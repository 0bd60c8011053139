"""Files mapped onto the input contracts."""

from extract.sources.files.source import Files

__all__ = ["Files"]
