"""Bytes in, arrays out, and back: pre-flight, decoding, encoding, atomic files."""
