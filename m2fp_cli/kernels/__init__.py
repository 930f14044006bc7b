"""Compiled inner loops (numba, LLVM), the threads that share them, and what the CPU can do.

Nothing here knows of a network or a photo: arrays go in and come out.
"""
