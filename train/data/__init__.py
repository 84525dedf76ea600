"""Labelled pictures: readers, duplicates, the split, and the patches cut from them."""
