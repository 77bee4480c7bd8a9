"""Commands on contexts: named engines to speak to."""
