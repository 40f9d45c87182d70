"""From the logits of tokens to one distribution over spans and no answer, and to a decision."""
