"""The records of one question together, over one text or many."""
