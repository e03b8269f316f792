"""OpenD's protocol without I/O: bytes and times come in as arguments, bytes and events go out."""
