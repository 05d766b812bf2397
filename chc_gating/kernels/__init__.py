"""Numba kernels: arrays in, arrays out. Callers check, kernels trust."""
