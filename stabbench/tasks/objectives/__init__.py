"""What a model is trained for: one module an objective."""
