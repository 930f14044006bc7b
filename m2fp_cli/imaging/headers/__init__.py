"""One reader per file format: what a picture's header says, found without decoding anything.

Every reader is ``read_header(data) -> ImageHeader``. It touches only bytes that exist, allocates
nothing that a file can size, does a bounded number of steps, and raises ``ImageError`` and nothing
else.
"""
