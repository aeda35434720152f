"""What all pages share: the client, what was asked of it, ranges, looks and safe text."""
