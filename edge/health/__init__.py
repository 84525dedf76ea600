"""How the device is doing: what it says of itself, and what it does when it is not well."""
