"""Where else a container's output goes: log drivers fed from the log that conmon writes."""
