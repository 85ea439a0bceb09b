"""homeroom."""
