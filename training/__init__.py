"""Trains, evaluates and exports members of the M2FP family; not part of the installed package."""
