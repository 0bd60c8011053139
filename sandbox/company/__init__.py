"""The made-up company that lives in the sandbox: people with known identity, and their records in three systems."""
