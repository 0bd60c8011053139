"""What is agreed, as YAML, and the small package that reads it.

Each YAML file has a module that turns it into frozen dataclasses and refuses what makes no sense in one sentence that
names the file, the entry and the remedy. ``contracts.build`` derives dbt's seeds from them.
"""


class ContractError(Exception):
    """A contract cannot be read or contradicts itself; the message is one sentence with file, entry and remedy."""
