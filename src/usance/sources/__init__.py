"""What observes by asking: one file a source, one subject a file."""
