"""Which slip gives these numbers: the recorded backward pass, replayed with slips in it."""
