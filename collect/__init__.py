"""Events received over HTTP, checked against the tracking plan, durable in the log before they are answered.

The HTTP interface is Segment's tracking API, so its SDKs and RudderStack's work by changing one URL. Nothing here opens
the warehouse: what arrives is appended to the log and landed from there.
"""


class CollectError(Exception):
    """The collector cannot start or be changed as asked; the message is one sentence with cause and remedy."""
