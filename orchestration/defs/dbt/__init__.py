"""dbt: every model, seed and snapshot, and what is fresh enough."""
