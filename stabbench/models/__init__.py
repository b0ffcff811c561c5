"""The encoder, its weights in and out of Hugging Face form, and masked-LM pretraining."""
