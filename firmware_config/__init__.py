"""Device profiles, images and flashing."""
