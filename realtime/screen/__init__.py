"""What the performer sees. [control]"""
