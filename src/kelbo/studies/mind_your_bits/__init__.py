"""The study of "Mind Your Bits and Errors": one stage held at a distortion against two, and what each bit is spent on."""
