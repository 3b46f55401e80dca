"""OSC under the names of the rig. [control]"""
