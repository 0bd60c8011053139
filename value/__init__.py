"""What customers will buy: BG/NBD (how often, and whether still) and Gamma-Gamma (for how much), by maximum likelihood.

Parameters are learnt here, on scipy; customers are scored in the warehouse, in SQL.
"""


class ValueModelError(Exception):
    """A model of customer value cannot be learnt or measured; the message is one sentence with cause and remedy."""
