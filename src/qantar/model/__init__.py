"""The model: rules for residents (scalar, compiled) and mechanisms for places (plain NumPy), one file each."""
