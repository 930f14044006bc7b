"""How much memory one worker process of each job needs at its peak, for photos of 12 megapixels.

Measured as resident memory. Two more photos on their way in and out, 0.15 GB, are counted. The
published model reaches 1.2 GB in float32 and the starter 0.77, their weights included; these are
added to the number here.
"""

PARSE_BYTES = {"fast": 950_000_000, "reference": 6_000_000_000}  # by engine, without the weights
COLORIZE_BYTES = 600_000_000
TRYON_BYTES = 700_000_000
EXPORT_BYTES = 900_000_000
PREVIEW_BYTES = 500_000_000
