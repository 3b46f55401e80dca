"""Takes: on disk, in a journal, made again. [control]"""
