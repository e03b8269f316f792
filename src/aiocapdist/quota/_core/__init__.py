"""The rules of every quota: tokens, order, and the limit that refusals teach."""
