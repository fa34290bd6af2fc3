"""Area against other generators of hard-wired networks, on the same weights."""
