"""Cell libraries: built-in tables, Liberty files, installed PDKs."""
