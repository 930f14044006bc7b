"""Figures of merit of a model on labelled photos: the label map, the regions, the people."""
