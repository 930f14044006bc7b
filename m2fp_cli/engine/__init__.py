"""The parsing engines: a photo as an array in, a ``ParsingResult`` out."""
