"""How a client gets connected to OpenD and stays connected."""
