"""debugbox: debugging with throwaway code, in a closed box, ending in a checked finding."""

__version__ = "0.1.0"
