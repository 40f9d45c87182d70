"""From a record to what is shown of it: pure functions, one module a record."""
