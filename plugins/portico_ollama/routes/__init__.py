"""Routes below `/ollama`: Ollama's own API, and what administrators do with the servers."""
