"""The live view: a web page for whoever aims the camera."""
