"""Python client of the Docker Engine API.

``calls/`` describes each operation as a value, without IO; ``blocking.Client`` (raw sockets, no
asyncio) and ``async_.AsyncClient`` carry them out over a transport: unix, tcp, tls or ssh.
"""
