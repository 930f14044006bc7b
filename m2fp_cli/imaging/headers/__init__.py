"""One reader for each file format: reads a picture's header without decoding the picture.

Every reader is a function ``read_header(data) -> ImageHeader``. It checks that bytes exist before
it reads them, allocates no memory whose size a file sets, does a bounded number of steps, and
raises nothing but ``ImageError``.
"""
