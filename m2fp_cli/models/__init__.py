"""Models: which one is meant, where its files are, and how they are read without trusting them.

Nothing here imports torch or the hub client until weights are loaded or downloaded.
"""
