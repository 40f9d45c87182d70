"""How good answers are, and how two evaluations differ."""
