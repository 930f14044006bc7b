"""The version of the package, in a file that imports nothing: everything may read it."""

__version__ = "0.1.0"
