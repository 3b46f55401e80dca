"""Peers: what others have built for the same ends, measured in turn with legando on the same machine. [control]

Their code is never in this repository: `install` puts it into environments of its own, outside of ours.
"""
