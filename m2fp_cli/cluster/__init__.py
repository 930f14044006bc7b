"""A run on the machines of a Ray cluster; ``ray_calls`` alone knows of the library ``ray``.

The parent of the run plans, locks and writes the manifest as ever. Instead of worker processes it
has actors (``station.Station``), each with a pool of one worker on its machine, and gives them keys
of photos. Photos and results do not travel: all machines see them under the same paths.
"""
