"""Networks of a bundle compiled for NVIDIA cards with TensorRT: written, built, kept, proven. `README.md` explains."""
