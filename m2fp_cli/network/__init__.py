"""M2FP (Mask2Former for Parsing) in PyTorch: photo tensor in, per-query classes and masks out.

The reading order is the data's: ``config`` (numbers), ``backbone``, ``pixel_decoder`` with its
``deformable_attention``, ``mask_decoder``, ``m2fp`` (all of it together).

Sources: Yang et al., "Deep Learning Technique for Human Parsing: A Survey and Outlook",
https://arxiv.org/abs/2301.00394; Cheng et al., "Masked-attention Mask Transformer for Universal
Image Segmentation", https://arxiv.org/abs/2112.01527. Parameter names are those of ModelScope's
published checkpoints, so these load as they are.
"""
