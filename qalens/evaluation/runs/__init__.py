"""Long evaluations that can be killed and resumed."""
