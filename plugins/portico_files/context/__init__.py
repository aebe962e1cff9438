"""What models get of files: the texts and images that a request names."""
