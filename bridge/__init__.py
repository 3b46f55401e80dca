"""The ZeroMQ bridge: wire format, publisher and subscriber."""
