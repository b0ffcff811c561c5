"""Training: one loop for one seed or many."""
