"""Compiled inner loops (numba, LLVM), the threads that run them, and what the CPU can do.

Nothing here depends on the network or on files: arrays go in and arrays come out.
"""
