"""Tasks: labelled data with its metrics, from GLUE's files, from the hub or from the embedded grammar."""
