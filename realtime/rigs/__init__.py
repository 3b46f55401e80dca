"""The rig file: what is set up before playing, and its checks. [any]"""
