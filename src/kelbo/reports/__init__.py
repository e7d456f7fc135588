"""What a run leaves to show: tables, figures, a page. Reports never train."""
