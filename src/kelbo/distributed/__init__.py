"""What knows of several processes."""
