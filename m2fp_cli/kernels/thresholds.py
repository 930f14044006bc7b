"""Where a mask begins: the thresholds that every step from the network to the result uses.

They stand among the kernels because compiled code is rebuilt when a file of this folder changes.
"""

MASK_LOGIT_THRESHOLD = 0.0
"""A pixel belongs to a mask where its logit is above this: a probability above one half.

ModelScope's M2FP thresholds its instances' masks (``m2fp_net.py``) and its decoder's attention
masks (``m2fp_decoder.py``) there.
"""

PROBABILITY_THRESHOLD = 0.5
"""An instance votes for its class where its score times its mask's probability is above this.

ModelScope's ``paste_category_probs``.
"""
