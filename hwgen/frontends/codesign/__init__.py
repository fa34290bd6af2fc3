"""Networks designed together with their silicon: training and integer polishing under area."""
