"""What the cells of the runbooks do, one module for each."""
