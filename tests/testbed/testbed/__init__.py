"""The bundled real cluster of Andante: one node, from ordinary packages."""
