"""The archive: a ZIP file, or a folder, with a manifest, one file of records for each kind, and the contents of files."""
