"""``m2fp serve``: parsing and try-on over HTTP, and the page in front of them.

The front process takes requests and hands photos to worker processes; it decodes nothing and loads
neither torch nor OpenCV nor NumPy. Read ``app`` for the paths, ``pool`` for the workers, ``guard``
for what every request has to pass, ``work`` for what a worker does.
"""
