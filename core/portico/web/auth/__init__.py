"""Who may come in: asked once for every route, before its handler or its body is looked at."""
