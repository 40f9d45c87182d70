"""The explorers, one module each, and what a large one shows as plain data beside it."""
