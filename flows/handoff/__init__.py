"""What is handed over to layout: LibreLane projects, Tiny Tapeout tiles."""
