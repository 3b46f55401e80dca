"""What each command of `legando` does, once its words are read. [control]"""
