"""Published studies from end to end: what they trained, what they measured, and what their code did without saying so."""
