"""Salesforce's stand-in: OAuth, REST queries with cursors, describe, and Bulk API 2.0 query jobs."""
