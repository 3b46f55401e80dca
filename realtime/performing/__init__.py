"""What a performer does, until it is a snapshot of controls for a chunk; pure. [control]"""
