"""What a study is: which cells it needs, and what its runs show."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from stabbench.config import Config
from stabbench.config.values import Block
from stabbench.plan import Variation

if TYPE_CHECKING:
    from stabbench.records import Selection
    from stabbench.report.content import Content
    from stabbench.report.section import Section

OptionsT = TypeVar("OptionsT", bound=Block)


class Study(ABC, Generic[OptionsT]):
    """A grid beyond the main one, known by its entry point in `stabbench.studies` or as `./file.py:Class`.

    Its runs are trained into the same store as all others: where a cell's recipe comes out like one of the main grid's,
    the runs are the same ones.
    """

    Options: ClassVar[type[Any]]
    """The keys of its block in params.yaml."""

    @abstractmethod
    def variations(self, options: OptionsT, config: Config) -> list[Variation]:
        """The cells to train, in the order of tables and figures; UserError where the options do not fit."""

    @abstractmethod
    def section(self, name: str, options: OptionsT, selection: Selection, content: Content) -> Section:
        """What the study's runs show. `content` is the main grid's, `name` the block's.

        Figures are drawn inside `stabbench.report.figures.drawing.style`.
        """
