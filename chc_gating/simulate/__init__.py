"""Draws with known truth, in both modalities, and an oracle of its own that counts them."""
