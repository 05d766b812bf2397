"""What a reader sees of a page: its words without markup, its tags and their attributes."""

from __future__ import annotations

from html.parser import HTMLParser


class PageText(HTMLParser):
    """Collects visible words, tag names and (tag, attribute, value) of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._words: list[str] = []
        self._hidden = 0
        self.feed(page)
        self.close()

    @property
    def words(self) -> str:
        """The visible words, blanks made single."""
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag and its attributes."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        """End a style sheet, whose text is not seen."""
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        """Keep what is seen."""
        if not self._hidden:
            self._words.append(data)


def read_words(page: str) -> str:
    """Return the visible words of a page, blanks made single."""
    return PageText(page).words
