"""`legando bench live`: what play must reach and survive, judged from the recorded waveform. [control]"""
