"""What every room uses: errors, files, processes, caches, text formats."""
