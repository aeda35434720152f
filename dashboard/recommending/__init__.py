"""What the page Recommend is made of: its form, an answer, and an answer of another time."""
