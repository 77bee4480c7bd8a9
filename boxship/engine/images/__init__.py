"""Images: names, manifests and layers, and every way in and out."""
