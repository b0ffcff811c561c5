"""Tables, figures and the page, made from a selection of records (`report.build`)."""
