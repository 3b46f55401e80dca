"""What things cost, whether it held, and how it compares; see METHOD.md for how each figure comes about."""
