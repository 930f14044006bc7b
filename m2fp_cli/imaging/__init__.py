"""From the bytes of a file to arrays and back: checking, decoding, encoding."""
