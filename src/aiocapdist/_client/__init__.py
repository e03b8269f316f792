"""The client: what users call, and how it comes to life."""
