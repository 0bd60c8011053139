"""Events that the collector let nobody have: looked at, mended by a fix, and landed after all.

``ops.dead_letters`` has what was refused, ``ops.dead_letter_outcomes`` what became of it. A replayed event has gone
through the collector's own door again: this room is handed it, and knows nothing of how it judges.
"""
