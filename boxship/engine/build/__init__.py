"""The builder: from a Dockerfile to an image. Nothing is re-exported."""
