"""Figures of a bundle: takes rendered, measured, kept and shown (`legando evaluate`)."""
