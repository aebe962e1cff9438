"""What commands share: printable texts, options, errors in words, and the files that they write."""
