"""Looking into images: what differs, what is in them, what they waste."""
