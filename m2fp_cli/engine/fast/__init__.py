"""The network rearranged for inference on a CPU: the same function of the same weights, faster.

``network/`` defines M2FP; this folder says how to compute it quickly. Nothing here has weights of
its own: every module is made from a built ``M2FP``.
"""
