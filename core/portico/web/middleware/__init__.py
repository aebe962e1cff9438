"""The outermost layer: who really sent a request, and what every answer carries."""
