"""Honest measurements: whole photos, separate processes, both engines in turn, answers compared."""
