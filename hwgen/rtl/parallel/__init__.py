"""The parallel architecture: every weight hard-wired, one inference per clock."""
