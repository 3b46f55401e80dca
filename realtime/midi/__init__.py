"""MIDI: ports that come and go, messages in and out, clocks, lights, learning. [control]"""
