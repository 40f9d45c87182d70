"""HTML of the parts of a content."""
