"""The population: places, classes and implicit ties. Residents are numbers; what they are is arithmetic."""
