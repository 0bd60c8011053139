"""HubSpot: contacts, companies, deals, owners, pipelines and their associations."""

from extract.sources.hubspot.source import HubSpot

__all__ = ["HubSpot"]
