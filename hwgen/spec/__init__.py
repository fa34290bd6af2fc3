"""What a network is: its file, number formats, the golden model, the independent checker."""
