"""Models: which one a name means, where its files are, and how weights are read safely.

Weights come from outside and are not trusted: reading them runs no code. Nothing here imports torch
or the hub's client before weights are loaded or downloaded.
"""
