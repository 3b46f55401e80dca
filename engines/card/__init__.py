"""Graphics cards: the networks in torch, streams in batches, one captured graph for each chunk, and their trust."""
