"""Networks from music: one training each, what they share, and the bundle they become."""
