"""Floor 2: bridges, addresses, the firewall table, published ports, and the files that name them.

Zone: calm (plain synchronous code; netlink round trips are short).
"""
