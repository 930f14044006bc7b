"""Sliced inference: parts of a photo are parsed again by themselves, larger than in the whole.

After Akyon et al., "Slicing aided hyper inference" (https://arxiv.org/abs/2202.06934); here the
first pass says which parts are worth it, and people are joined by their masks, not their boxes.
"""
