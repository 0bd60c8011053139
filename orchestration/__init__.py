"""When things run, what is fresh enough, who is told when not; and the `braid` command."""
