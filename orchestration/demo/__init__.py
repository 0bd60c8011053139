"""Two days of a made-up company, from its systems to its customers, by the jobs that run in production."""
