"""What needs a model: loading it, running it, and batches of windows."""
