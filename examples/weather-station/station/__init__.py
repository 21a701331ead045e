"""A small weather station."""
