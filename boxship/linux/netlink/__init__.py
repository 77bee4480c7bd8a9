"""The kernel's routing socket: links, addresses and routes without a helper program.

Encoded by hand from rtnetlink(7) and linux/if_link.h, because a container waits for it: several
requests travel in one message and one answer comes back for each.
"""
