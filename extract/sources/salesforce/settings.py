"""The figures this connector works by, in one place."""

from datetime import timedelta

# Read again before the watermark: a long transaction commits rows stamped when it began.
OVERLAP = timedelta(minutes=15)

# Up to so many rows go over REST, in blocks of this size; a Bulk job costs seconds before its first row.
REST_ROWS = 2_000
# The longest query REST is sent, URL-encoded, in bytes; servers refuse a URL of 16 KB.
REST_QUERY_BYTES = 15_000
# A block whose pages or parts contradict one another is read so many times before that is an error.
BLOCK_ATTEMPTS = 3

# Rows a Bulk page is asked for; the server may send fewer.
BULK_PAGE_ROWS = 100_000
# Pages of one job that are read at the same time.
PAGES_AT_ONCE = 3
PAGE_ATTEMPTS = 3
JOB_ATTEMPTS = 2
# Waits between two looks at a Bulk job, in seconds, and how long it may take altogether.
FIRST_WAIT, LONGEST_WAIT, WAIT_GROWTH = 0.2, 5.0, 1.5
JOB_SECONDS = 4 * 3600.0

# Seconds for a connection, and between two bytes of an answer.
TIMEOUTS = (10.0, 120.0)
# One call is tried so often.
CALL_ATTEMPTS = 5
# A server that asks for a longer pause than this many seconds is left alone until the next run.
LONGEST_PAUSE = 120.0
# The server's clock is asked anew when its last answer is older, in seconds.
CLOCK_SECONDS = 10.0
