"""`stabbench publish` and `stabbench badge`: results as others' archives take them, from records, offline."""

from __future__ import annotations

from stabbench.publishing.badge import Badge, badge_of
from stabbench.publishing.folder import Published, check_folder, published_files, write_published
from stabbench.publishing.said import Said

__all__ = ["Badge", "Published", "Said", "badge_of", "check_folder", "published_files", "write_published"]
