"""How bytes reach OpenD. Nothing here knows what they mean."""
