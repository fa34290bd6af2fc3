"""Speed and area, measured. Never part of the tests: times hold on one machine alone."""
