"""The protocol, pure: bytes and times come in as arguments, bytes and events go out."""
