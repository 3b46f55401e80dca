"""Music from seeds: composer, players, renderer, sounds, and the pieces on disk."""
