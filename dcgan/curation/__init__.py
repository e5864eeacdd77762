"""Curation: accepting or rejecting each candidate, with the reason counted, until exactly N are accepted."""
