"""HubSpot's stand-in: CRM objects, search, associations, properties, owners and pipelines."""
