"""extract.sources room."""
