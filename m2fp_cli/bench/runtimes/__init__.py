"""Our network in other runtimes, and how many operations it takes: for measuring only."""
