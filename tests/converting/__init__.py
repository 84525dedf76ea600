"""Conversion of a classifier: small models that the tests make, real converter and runtime."""
