"""What the batch engine is asked to do: parse, colorize, try on, make previews.

A file a job: its settings, its worker, its versions. ``inputs`` finds the photos a command means.
"""
