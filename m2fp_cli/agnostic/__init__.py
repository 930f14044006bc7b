"""Agnostic masks: what of a person a generative model has to repaint to change their clothes."""
