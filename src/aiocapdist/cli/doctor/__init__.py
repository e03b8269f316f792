"""Checks of what is between here and OpenD, and a probe of what its documents leave open."""
