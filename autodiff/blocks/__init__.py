"""A mean or a sum over examples, block by block, computed by anybody's `map`."""
