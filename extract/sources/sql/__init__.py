"""Any SQL database by its SQLAlchemy URL."""

from extract.sources.sql.source import Sql

__all__ = ["Sql"]
