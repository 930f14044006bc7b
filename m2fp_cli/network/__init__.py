"""M2FP (Mask2Former for Parsing) in PyTorch: photo tensor in, per-query classes and masks out.

Read it in the order of the data: ``config`` (the numbers of a model), ``backbones``,
``pixel_decoder`` with its ``deformable_attention``, ``mask_decoder``, ``m2fp`` (the whole network);
``build`` makes one from a model folder.

Sources: Yang et al., "Deep Learning Technique for Human Parsing: A Survey and Outlook",
https://arxiv.org/abs/2301.00394; Cheng et al., "Masked-attention Mask Transformer for Universal
Image Segmentation", https://arxiv.org/abs/2112.01527. Parameters have the names of ModelScope's
published checkpoints, which therefore load as they are.
"""
