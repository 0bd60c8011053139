"""Salesforce: objects by SystemModstamp, over Bulk API 2.0 when there is much and REST when there is little."""

from extract.sources.salesforce.source import Salesforce

__all__ = ["Salesforce"]
