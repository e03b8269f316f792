"""The probe: finds out by experiment what OpenD's documents leave open."""
