"""Teaches a model from labelled photos: scenes, losses, runs, and fine-tuning."""
