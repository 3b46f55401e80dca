"""Custom CUDA kernels, and the NumPy reference that each must equal."""
