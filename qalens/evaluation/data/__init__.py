"""Questions from files and memory, read piece by piece."""
