"""What a user runs: the command line and the flows behind it."""
