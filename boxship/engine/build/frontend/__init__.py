"""The Dockerfile language: text → instructions → stages → warnings. Pure: no files, no network."""
