"""Fine-tuning strategies: the contract, the registry and one small module a strategy."""
