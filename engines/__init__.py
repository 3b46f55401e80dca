"""The three networks, the streaming generator, run-time back ends and model bundles."""
