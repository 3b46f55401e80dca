"""What a run says of itself while it plays, and what its performer thought of it afterwards."""
