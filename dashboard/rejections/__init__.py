"""What the page of filter rejections is made of: sums, and single answers."""
