"""boxshipd: settings, sockets, signals, reload and logging around one engine and its API."""
