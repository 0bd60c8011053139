"""How alike two records are when no shared identifier ties them: keys, candidate pairs, weights, scores, clusters.

Weights are learnt by Splink and kept as two tables; all that scores is SQL of our own, in the warehouse's dialect.
"""


class MatchingError(Exception):
    """Records cannot be matched as asked; the message is one sentence with cause and remedy."""
