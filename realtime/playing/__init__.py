"""The player process: from the ring to the sound device. [audio]"""
