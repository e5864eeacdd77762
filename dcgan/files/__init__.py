"""Files: whole or not there, their names, URLs, pictures, and the marks of synthetic ones."""
