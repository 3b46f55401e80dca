"""The three networks, the streaming generator, run-time back ends and model bundles.

ONNX Runtime's builds (1.32 on Linux) tell Microsoft about each run, over the network, from a thread beside the music,
and keep an identifier in the user's cache. An instrument does neither: it says so before its first import, here.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
