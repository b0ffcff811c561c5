"""Every encoder that transformers makes a classifier of, by its module; the only room that imports transformers."""
