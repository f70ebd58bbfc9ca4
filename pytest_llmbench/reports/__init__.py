"""What a session leaves behind: the document, JSON lines, JUnit properties, tables."""
