"""Requests from the call to the wire: queued, sent, answered. Synchronous; does no I/O."""
