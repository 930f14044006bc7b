"""Accessories on people: where they go, how they are lit, and whether it worked."""
