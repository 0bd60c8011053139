"""Why records are one customer, and where the golden record's values come from: read, found, written out, drawn.

facts      what the warehouse holds on the customers asked for
ties       the graph of records and what ties them: paths, and how each record hangs on the anchor
answers    one document of all that, the same for every way of showing it
text, drawing, page   the ways

weights    the chart of what matching has learnt, which needs none of these
"""
