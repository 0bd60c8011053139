"""The made-up company that lives in the sandbox: people with known identity, and their records in three systems."""

from sandbox.company.company import Company

__all__ = ["Company"]
