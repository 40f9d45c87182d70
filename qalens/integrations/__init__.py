"""qalens behind the calls of other libraries; each module here is imported by name and only where it is wanted."""
