"""The paper's figures over records: matplotlib, SVG and PNG with the same bytes every time."""
