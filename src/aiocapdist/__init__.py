"""Capital distribution from OpenD."""
