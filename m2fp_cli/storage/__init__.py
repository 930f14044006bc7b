"""Where a run's files lie: a tree of folders of this machine, written without harm to others."""
