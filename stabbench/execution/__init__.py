"""Where runs run: this machine's cores or GPUs."""
